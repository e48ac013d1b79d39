// The shapes of a model as a Hugging Face folder's config.json states them: a LLaMA decoder, alone
// or behind a vision front. Absent fields have the defaults of transformers' LlamaConfig.
//
// Plain values without libtorch; load_config and parse_config are safe from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct Architecture;  // architecture.h

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

// What everyone needs to know of a vision front; each architecture derives its own from it.
struct VisionConfig {
  virtual ~VisionConfig() = default;

  std::int64_t image_size = 0;    // pixels a side of its square input
  std::int64_t positions = 0;     // that one image takes in the decoder's sequence
  std::int64_t feature_size = 0;  // width of one of the tower's features
  // What decides the features beside the image and the tower's weights, for telling towers apart.
  std::string feature_settings;
};

struct ModelConfig {
  const Architecture* architecture = nullptr;  // of the registry
  LlamaConfig text;
  std::shared_ptr<const VisionConfig> vision;  // null: a decoder alone
  std::int64_t image_token = 32000;
  // Where the tower's tensors are when the model's files have none: as config.json says it, a
  // folder or a name on the hub; empty: nowhere else.
  std::string separate_tower;
  std::string torch_dtype = "float32";  // of the file's tensors, as config.json names it
  std::optional<std::int64_t> bos_token, eos_token, pad_token;
};

// Reads FOLDER/config.json (at most 1 MiB); every error names the file and the field.
Result<ModelConfig> load_config(const std::filesystem::path& folder);
Result<ModelConfig> parse_config(std::string_view text, const std::string& where);
// The folder that `separate_tower` names, from the model's folder or absolute; empty if none is
// there.
std::filesystem::path tower_folder(const std::filesystem::path& model_folder,
                                   std::string_view separate_tower);
// config.json in the form that parse_config, and transformers where it knows the model, read.
std::string config_json(const ModelConfig& config);

}  // namespace vlsweep
