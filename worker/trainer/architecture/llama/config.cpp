#include "worker/trainer/architecture/config_fields.h"
#include "worker/trainer/architecture/llama/llama.h"

namespace vlsweep {
namespace {

using nlohmann::json;

// rope_theta stands at the top (transformers 4) or in rope_parameters (5).
Result<> read_rope(const json& object, LlamaConfig& config, const std::string& where) {
  for (std::string_view key : {"rope_parameters", "rope_scaling"}) {
    const json* rope = json_member(object, key);
    if (!rope) continue;
    ConfigFields fields(*rope, where);
    fields.number("rope_theta", config.rope_theta);
    fields.require_text("rope_type", "default");
    VLSWEEP_CHECK_OK(fields.status());
  }
  ConfigFields fields(object, where);
  fields.number("rope_theta", config.rope_theta);
  return fields.status();
}

json token_or_null(const std::optional<std::int64_t>& token) {
  return token ? json(*token) : json(nullptr);
}

}  // namespace

Result<LlamaConfig> read_text_config(const json& object, const std::string& where) {
  LlamaConfig config;
  ConfigFields fields(object, where);
  fields.extent("vocab_size", config.vocab_size);
  fields.extent("hidden_size", config.hidden_size);
  fields.extent("intermediate_size", config.intermediate_size);
  fields.integer("num_hidden_layers", config.num_layers, 1, kMaxLayers);
  fields.extent("num_attention_heads", config.num_heads);
  config.num_kv_heads = config.num_heads;
  fields.extent("num_key_value_heads", config.num_kv_heads);
  config.head_dim = fields.ok() ? config.hidden_size / config.num_heads : 1;
  fields.extent("head_dim", config.head_dim);
  fields.extent("max_position_embeddings", config.max_positions);
  fields.number("rms_norm_eps", config.rms_norm_eps);
  fields.flag("tie_word_embeddings", config.tie_word_embeddings);
  fields.require_flag_off("attention_bias");
  fields.require_flag_off("mlp_bias");
  fields.require_text("hidden_act", "silu");
  if (fields.ok() && config.num_heads % config.num_kv_heads != 0) {
    fields.refuse("num_attention_heads must be a multiple of num_key_value_heads");
  }
  if (fields.ok() && (config.head_dim < 2 || config.head_dim % 2 != 0)) {
    fields.refuse("the head size must be even");
  }
  VLSWEEP_CHECK_OK(fields.status());
  VLSWEEP_CHECK_OK(read_rope(object, config, where));
  return config;
}

void read_token_ids(ConfigFields& fields, ModelConfig& config) {
  fields.text("torch_dtype", config.torch_dtype);
  fields.text("dtype", config.torch_dtype);
  fields.token("bos_token_id", config.bos_token);
  fields.token("eos_token_id", config.eos_token);
  fields.token("pad_token_id", config.pad_token);
}

json text_config_json(const ModelConfig& config) {
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

}  // namespace vlsweep
