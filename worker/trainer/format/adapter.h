// adapter_config.json of a peft LoRA adapter: what vlsweep reads of it, and what it writes.
// Plain values; safe from any thread. Features that would change results and are not supported
// (DoRA, PiSSA, biases, ..., and every member this version does not know) are refused by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct AdapterConfig {
  std::string base;  // base_model_name_or_path: absolute, or relative to the adapter's folder
  std::int64_t rank = 8;
  double alpha = 16;
  double dropout = 0;
  bool rslora = false;               // scale by alpha / sqrt(rank)
  std::vector<std::string> targets;  // "q_proj", ...: written, not needed to read an adapter
  std::vector<std::string> modules_to_save;
  // Modules with a rank or alpha of their own, by the last parts of their path ("mlp.up_proj"); the
  // first that fits counts.
  std::vector<std::pair<std::string, std::int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;

  // Of the module with this path (as in the adapter's tensor names).
  std::int64_t rank_of(std::string_view module) const;
  double scale_of(std::string_view module) const;
};

bool is_adapter_folder(const std::filesystem::path& folder);
Result<AdapterConfig> load_adapter_config(const std::filesystem::path& folder);
// adapter_config.json for peft; target_modules is a regular expression that matches `targets` in
// the language model alone (a list would match the tower's q_proj too), modules_to_save is the
// projector when it is listed. Patterns are not written.
std::string adapter_config_json(const AdapterConfig& config, bool text_only);

}  // namespace vlsweep
