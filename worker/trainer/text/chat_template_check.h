// What a chat template must not be, so that minja, which calls itself for every bracket, operator
// and macro, cannot run out of stack: nested deeply, made of endless expressions, or recursive.
// Pure function; safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include "orchestrator/base/result.h"

namespace vlsweep {

inline constexpr std::size_t kMaxTemplateBytes = 32 << 10;

// The template as it is to be parsed: comments without their text. `invalid` with `where` for more
// than 32 KiB, tags of more than 2 KiB (strings aside), 64 nested parts, macros that call
// themselves or are used as values, and recursive loops.
Result<std::string> checked_template(std::string_view source, const std::string& where);

}  // namespace vlsweep
