// What a judge must know of a suite: whether its prompts ask for harm.
//
// A plain function: safe from any thread.
#pragma once

#include <string_view>

namespace vlsweep {

// False for the suites of benign prompts (vlguard-safe-safe, xstest-safe, helpful, helpful-text),
// where a refusal is the fault; true for all others.
bool is_harmful_suite(std::string_view name);

}  // namespace vlsweep
