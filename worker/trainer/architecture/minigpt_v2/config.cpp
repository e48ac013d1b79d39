#include "worker/trainer/architecture/minigpt_v2/config.h"

#include <memory>
#include <utility>

#include "worker/trainer/architecture/config_fields.h"
#include "worker/trainer/architecture/llama/llama.h"

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaxMerged = 64;

Result<EvaConfig> read_tower(const json& object, const std::string& where) {
  EvaConfig config;
  ConfigFields fields(object, where);
  fields.require_text("model_type", "blip_2_vision_model");
  fields.extent("hidden_size", config.hidden_size);
  fields.extent("intermediate_size", config.intermediate_size);
  fields.integer("num_hidden_layers", config.num_layers, 1, kMaxLayers);
  fields.extent("num_attention_heads", config.num_heads);
  fields.extent("image_size", config.image_size);
  fields.extent("patch_size", config.patch_size);
  fields.number("layer_norm_eps", config.layer_norm_eps);
  fields.require_text("hidden_act", "gelu");
  bool qkv_bias = true;
  fields.flag("qkv_bias", qkv_bias);
  if (fields.ok() && !qkv_bias) fields.refuse("\"qkv_bias\": false is not supported");
  if (fields.ok() && config.hidden_size % config.num_heads != 0) {
    fields.refuse("vision hidden_size must be a multiple of num_attention_heads");
  }
  if (fields.ok() && config.image_size % config.patch_size != 0) {
    fields.refuse("image_size must be a multiple of patch_size");
  }
  VLSWEEP_CHECK_OK(fields.status());
  return config;
}

// Fills in what VisionConfig says of the rest.
std::shared_ptr<const VisionConfig> whole(MiniGptVisionConfig config) {
  const EvaConfig& tower = config.tower;
  config.image_size = tower.image_size;
  config.positions = tower.num_patches() / config.merged_tokens;
  config.feature_size = tower.hidden_size * config.merged_tokens;
  config.feature_settings =
      "eva " + std::to_string(config.merged_tokens) + ' ' + std::to_string(tower.num_heads) + ' ' +
      std::to_string(tower.layer_norm_eps) + ' ' + std::to_string(tower.post_norm_eps);
  return std::make_shared<const MiniGptVisionConfig>(std::move(config));
}

}  // namespace

const MiniGptVisionConfig& minigpt_vision(const ModelConfig& config) {
  return static_cast<const MiniGptVisionConfig&>(*config.vision);
}

Result<ModelConfig> read_minigpt_config(const json& object, const std::string& where) {
  ModelConfig config;
  MiniGptVisionConfig vision;
  for (const char* part : {"text_config", "vision_config"}) {
    const json* found = json_member(object, part);
    if (!found || !found->is_object()) {
      return fail(Errc::invalid, std::string(part) + " must be an object", where);
    }
  }
  const json& text = *json_member(object, "text_config");
  ConfigFields text_fields(text, where);
  text_fields.require_text("model_type", "llama");
  read_token_ids(text_fields, config);
  VLSWEEP_CHECK_OK(text_fields.status());
  VLSWEEP_TRY(config.text, read_text_config(text, where));
  VLSWEEP_TRY(vision.tower, read_tower(*json_member(object, "vision_config"), where));
  ConfigFields fields(object, where);
  read_token_ids(fields, config);
  config.image_token = config.text.vocab_size;  // no token of the vocabulary: a placeholder alone
  fields.integer("image_token_index", config.image_token, 0, kMaxExtent);
  fields.integer("vision_tokens_merged", vision.merged_tokens, 1, kMaxMerged);
  fields.number("vision_post_layernorm_eps", vision.tower.post_norm_eps);
  if (fields.ok() && vision.tower.num_patches() % vision.merged_tokens != 0) {
    fields.refuse(std::to_string(vision.tower.num_patches()) + " patches cannot be merged by " +
                  std::to_string(vision.merged_tokens));
  }
  VLSWEEP_CHECK_OK(fields.status());
  config.vision = whole(std::move(vision));
  return config;
}

json minigpt_config_json(const ModelConfig& config) {
  const MiniGptVisionConfig& vision = minigpt_vision(config);
  const EvaConfig& tower = vision.tower;
  json text = text_config_json(config);
  json object = {{"architectures", {"MiniGPTv2ForConditionalGeneration"}},
                 {"model_type", "minigpt_v2"},
                 {"image_token_index", config.image_token},
                 {"image_seq_length", vision.positions},
                 {"vision_tokens_merged", vision.merged_tokens},
                 {"vision_post_layernorm_eps", tower.post_norm_eps},
                 {"tie_word_embeddings", config.text.tie_word_embeddings},
                 {"torch_dtype", config.torch_dtype},
                 {"vision_config",
                  {{"model_type", "blip_2_vision_model"},
                   {"hidden_size", tower.hidden_size},
                   {"intermediate_size", tower.intermediate_size},
                   {"num_hidden_layers", tower.num_layers},
                   {"num_attention_heads", tower.num_heads},
                   {"image_size", tower.image_size},
                   {"patch_size", tower.patch_size},
                   {"hidden_act", "gelu"},
                   {"layer_norm_eps", tower.layer_norm_eps},
                   {"qkv_bias", true}}}};
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) object[key] = text[key];
  object["text_config"] = std::move(text);
  return object;
}

}  // namespace vlsweep
