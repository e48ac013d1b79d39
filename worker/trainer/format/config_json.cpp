#include "worker/trainer/format/config.h"
#include "worker/trainer/format/json_object.h"

namespace vlsweep {
namespace {

using nlohmann::json;

json token_or_null(const std::optional<std::int64_t>& token) {
  return token ? json(*token) : json(nullptr);
}

json text_json(const ModelConfig& config) {
  const LlamaConfig& text = config.text;
  return {{"model_type", "llama"},
          {"architectures", {"LlamaForCausalLM"}},
          {"vocab_size", text.vocab_size},
          {"hidden_size", text.hidden_size},
          {"intermediate_size", text.intermediate_size},
          {"num_hidden_layers", text.num_layers},
          {"num_attention_heads", text.num_heads},
          {"num_key_value_heads", text.num_kv_heads},
          {"head_dim", text.head_dim},
          {"hidden_act", "silu"},
          {"max_position_embeddings", text.max_positions},
          {"rms_norm_eps", text.rms_norm_eps},
          {"rope_theta", text.rope_theta},
          {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", text.rope_theta}}},
          {"attention_bias", false},
          {"mlp_bias", false},
          {"tie_word_embeddings", text.tie_word_embeddings},
          {"torch_dtype", config.torch_dtype},
          {"dtype", config.torch_dtype},
          {"bos_token_id", token_or_null(config.bos_token)},
          {"eos_token_id", token_or_null(config.eos_token)},
          {"pad_token_id", token_or_null(config.pad_token)}};
}

json vision_json(const ClipConfig& vision) {
  return {{"model_type", "clip_vision_model"},
          {"hidden_size", vision.hidden_size},
          {"intermediate_size", vision.intermediate_size},
          {"num_hidden_layers", vision.num_layers},
          {"num_attention_heads", vision.num_heads},
          {"num_channels", 3},
          {"image_size", vision.image_size},
          {"patch_size", vision.patch_size},
          {"projection_dim", vision.projection_dim},
          {"layer_norm_eps", vision.layer_norm_eps},
          {"hidden_act", vision.hidden_act}};
}

}  // namespace

std::string config_json(const ModelConfig& config) {
  json text = text_json(config);
  if (!config.vision) return text.dump(2) + "\n";
  json object = {{"architectures", {"LlavaForConditionalGeneration"}},
                 {"model_type", "llava"},
                 {"image_token_index", config.image_token},
                 {"image_seq_length", config.image_positions()},
                 {"vision_feature_layer", config.feature_layer},
                 {"vision_feature_select_strategy", config.drop_class_token ? "default" : "full"},
                 {"projector_hidden_act", config.projector_act},
                 {"multimodal_projector_bias", config.projector_bias},
                 {"tie_word_embeddings", config.text.tie_word_embeddings},
                 {"torch_dtype", config.torch_dtype},
                 {"dtype", config.torch_dtype},
                 {"vision_config", vision_json(*config.vision)}};
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) object[key] = text[key];
  object["text_config"] = std::move(text);
  return object.dump(2) + "\n";
}

}  // namespace vlsweep
