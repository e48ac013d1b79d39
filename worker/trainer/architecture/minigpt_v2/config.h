// MiniGPT-v2's part of config.json: the EVA tower and how its tokens are merged.
//
// Plain values and free functions; safe from any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "orchestrator/base/result.h"
#include "worker/trainer/architecture/model_config.h"

namespace vlsweep {

// Defaults: create_eva_vit_g at 448 pixels.
struct EvaConfig {
  std::int64_t hidden_size = 1408;
  std::int64_t intermediate_size = 6144;
  std::int64_t num_layers = 39;
  std::int64_t num_heads = 16;
  std::int64_t image_size = 448;
  std::int64_t patch_size = 14;
  double layer_norm_eps = 1e-6;
  double post_norm_eps = 1e-5;  // of ln_vision

  std::int64_t num_patches() const { return (image_size / patch_size) * (image_size / patch_size); }
};

struct MiniGptVisionConfig : VisionConfig {
  EvaConfig tower;
  std::int64_t merged_tokens = 4;  // neighbours in a row of patches that become one position
};

// The MiniGPT-v2 part of a config whose architecture is MiniGPT-v2's.
const MiniGptVisionConfig& minigpt_vision(const ModelConfig& config);

// config.json as worker/convert/minigpt_v2.py and minigpt_config_json write it.
Result<ModelConfig> read_minigpt_config(const nlohmann::json& object, const std::string& where);
nlohmann::json minigpt_config_json(const ModelConfig& config);

}  // namespace vlsweep
