// The trainer's commands about one model: generate, logits, tokenize, chat. Results go to standard
// output, everything else to standard error.
//
// Main thread only.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "orchestrator/base/result.h"
#include "worker/trainer/command/options.h"

namespace vlsweep {

// Runs the command that the first word names and returns its exit status (0 done, 2 bad usage or
// model, 3 infrastructure, 4 not found); empty if the word names none.
std::optional<int> run_command(std::span<const std::string_view> words);

// One each, with its own options; they may throw what libtorch throws, which run_command stops.
Result<> run_generate(const CommandOptions& options);
Result<> run_logits(const CommandOptions& options);
Result<> run_tokenize(const CommandOptions& options);
Result<> run_chat(const CommandOptions& options);

}  // namespace vlsweep
