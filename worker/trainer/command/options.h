// The options of the trainer's commands, read from the words of a command line. No libtorch.
// Plain values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct CommandOptions {
  std::filesystem::path model, adapter, image, prompt_file;
  std::optional<std::string> prompt, text;
  std::string system;
  bool raw = false;
  std::int64_t max_new_tokens = 256, min_new_tokens = 0;
  double temperature = 0, top_p = 1;
  std::uint64_t seed = 0;
  std::vector<std::string> stop;
  std::string image_mode;  // empty: the model's own
  std::string dtype = "auto";
  std::string device = "auto";
  int threads = 0;  // 0: libtorch's choice
  bool json = false;
  bool help = false;
};

struct CommandOption;

// A command: what it is called, what it does, the options it knows.
struct Command {
  std::string_view name;
  std::string_view summary;
  std::string_view details;  // of the help, behind the options
  std::vector<std::string_view> options;
};

// invalid: a word is no option of this command, or its value does not fit; the message names both.
Result<CommandOptions> parse_options(const Command& command,
                                     std::span<const std::string_view> words);
std::string help_text(const Command& command);

}  // namespace vlsweep
