// adapter_config.json of a peft LoRA adapter: what vlsweep reads of it, and what it writes.
// Plain values; safe from any thread. Features that would change results and are not supported
// (DoRA, rank patterns, biases, ...) are refused by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct AdapterConfig {
  std::string base;  // base_model_name_or_path: absolute, or relative to the adapter's folder
  std::int64_t rank = 8;
  double alpha = 16;
  double dropout = 0;
  bool rslora = false;  // scale by alpha / sqrt(rank)
  bool fan_in_fan_out = false;
  std::vector<std::string> modules_to_save;

  double scale() const;
};

bool is_adapter_folder(const std::filesystem::path& folder);
Result<AdapterConfig> load_adapter_config(const std::filesystem::path& folder);
// adapter_config.json for peft; target_modules is a regular expression that matches the language
// model's linears alone, modules_to_save is the projector when it is listed.
std::string adapter_config_json(const AdapterConfig& config, bool text_only);

}  // namespace vlsweep
