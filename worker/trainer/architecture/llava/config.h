// LLaVA-1.5's part of config.json: the CLIP tower, the layer whose output is taken, the projector.
// Absent fields have the defaults of transformers' CLIPVisionConfig and LlavaConfig.
//
// Plain values and free functions; safe from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "orchestrator/base/result.h"
#include "worker/trainer/architecture/model_config.h"

namespace vlsweep {

struct ClipConfig {
  std::int64_t hidden_size = 768;
  std::int64_t intermediate_size = 3072;
  std::int64_t num_layers = 12;
  std::int64_t num_heads = 12;
  std::int64_t image_size = 224;
  std::int64_t patch_size = 32;
  std::int64_t projection_dim = 512;
  double layer_norm_eps = 1e-5;
  std::string hidden_act = "quick_gelu";  // or "gelu"

  std::int64_t num_patches() const { return (image_size / patch_size) * (image_size / patch_size); }
};

struct LlavaVisionConfig : VisionConfig {
  ClipConfig tower;
  std::int64_t feature_layer = -2;     // index into hidden_states; 0 is the embeddings' output
  bool drop_class_token = true;        // vision_feature_select_strategy "default"
  std::string projector_act = "gelu";  // exact (erf) GELU
  bool projector_bias = true;

  // Tower layers that must run for `feature_layer`; what lies behind it never does.
  std::int64_t tower_layers_run() const;
};

// Fills in what VisionConfig says of the rest.
std::shared_ptr<const LlavaVisionConfig> llava_vision(LlavaVisionConfig config);
// The LLaVA part of a config whose architecture is LLaVA's.
const LlavaVisionConfig& llava_vision(const ModelConfig& config);

// config.json as llava-hf, transformers 4 and 5 (nested) or liuhaotian (flat) write it.
Result<ModelConfig> read_llava_config(const nlohmann::json& object, const std::string& where);
nlohmann::json llava_config_json(const ModelConfig& config);

}  // namespace vlsweep
