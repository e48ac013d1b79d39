// The prompts of a command: the one of --prompt, or the lines of --prompt-file.
// Free functions and plain values; safe from any thread. No libtorch.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/trainer/command/options.h"

namespace vlsweep {

struct PromptLine {
  std::string prompt;
  std::filesystem::path image;  // empty: none
  nlohmann::json id;            // as it stands in the file; null: none
  std::string place;            // "file:line", for complaints; empty for --prompt
};

// invalid: neither or both are given, or a line is not an object of the form; the file is at most
// 1 GiB. A relative image lies beside the file.
Result<std::vector<PromptLine>> read_prompt_lines(const CommandOptions& options);

}  // namespace vlsweep
