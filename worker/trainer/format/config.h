// The shapes of a model as a Hugging Face folder's config.json states them: LLaVA-1.5 (a CLIP
// tower, a two-layer projector, a LLaMA decoder) or a LLaMA decoder alone. Absent fields have the
// defaults of transformers' LlamaConfig, CLIPVisionConfig and ModelConfig.
//
// Plain values without libtorch; load_config and parse_config are safe from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct LlamaConfig {
  std::int64_t vocab_size = 32000;
  std::int64_t hidden_size = 4096;
  std::int64_t intermediate_size = 11008;
  std::int64_t num_layers = 32;
  std::int64_t num_heads = 32;
  std::int64_t num_kv_heads = 32;  // fewer than num_heads: grouped-query attention
  std::int64_t head_dim = 128;
  std::int64_t max_positions = 2048;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  bool tie_word_embeddings = false;
};

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

struct ModelConfig {
  LlamaConfig text;
  std::optional<ClipConfig> vision;  // empty: a LLaMA decoder alone (LlamaForCausalLM)
  std::int64_t image_token = 32000;
  std::int64_t feature_layer = -2;     // index into hidden_states; 0 is the embeddings' output
  bool drop_class_token = true;        // vision_feature_select_strategy "default"
  std::string projector_act = "gelu";  // exact (erf) GELU
  bool projector_bias = true;
  std::string torch_dtype = "float32";  // of the file's tensors, as config.json names it
  std::optional<std::int64_t> bos_token, eos_token, pad_token;

  // Tower layers that must run for `feature_layer`; what lies behind it never does.
  std::int64_t tower_layers_run() const;
  // Positions that one image takes in the decoder's sequence.
  std::int64_t image_positions() const;
};

// Reads FOLDER/config.json (at most 1 MiB); every error names the file and the field.
Result<ModelConfig> load_config(const std::filesystem::path& folder);
Result<ModelConfig> parse_config(std::string_view json_text, const std::string& where);
// config.json as transformers 5 reads it (LlavaForConditionalGeneration or LlamaForCausalLM).
std::string config_json(const ModelConfig& config);

}  // namespace vlsweep
