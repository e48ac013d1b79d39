#include "worker/trainer/format/config.h"

#include "orchestrator/base/file.h"
#include "worker/trainer/format/json_object.h"

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaxExtent = 1 << 20;
constexpr std::int64_t kMaxLayers = 1024;

// Reads the members of one object of config.json; the first error stays.
class Fields {
 public:
  Fields(const json& object, const std::string& where) : object_(object), where_(where) {}

  void integer(std::string_view key, std::int64_t& value, std::int64_t least, std::int64_t most) {
    keep(json_integer(object_, key, value, least, most, where_), value);
  }
  void extent(std::string_view key, std::int64_t& value) { integer(key, value, 1, kMaxExtent); }
  void number(std::string_view key, double& value) {
    keep(json_number(object_, key, value, where_), value);
    if (ok() && !(value > 0)) refuse("\"" + std::string(key) + "\" must be above 0");
  }
  void flag(std::string_view key, bool& value) {
    keep(json_flag(object_, key, value, where_), value);
  }
  void text(std::string_view key, std::string& value) {
    keep(json_text(object_, key, value, where_), value);
  }
  // A token id, null, or (generation configs) a list whose first item counts.
  void token(std::string_view key, std::optional<std::int64_t>& value) {
    const json* found = json_member(object_, key);
    if (found && found->is_array() && !found->empty()) found = &found->front();
    if (found && found->is_number_unsigned() && found->get<std::uint64_t>() <= kMaxExtent) {
      value = found->get<std::int64_t>();
    }
  }
  // A field that vlsweep knows in one form alone.
  void require_flag_off(std::string_view key) {
    bool value = false;
    flag(key, value);
    if (value) refuse("\"" + std::string(key) + "\": true is not supported");
  }
  void require_text(std::string_view key, std::string_view only) {
    std::string value(only);
    text(key, value);
    if (ok() && value != only) {
      refuse("\"" + std::string(key) + "\": \"" + value + "\" is not supported, only \"" +
             std::string(only) + "\"");
    }
  }
  void refuse(std::string message) {
    if (ok()) status_ = fail(Errc::invalid, std::move(message), where_);
  }

  bool has(std::string_view key) const { return json_member(object_, key) != nullptr; }
  const json& object() const { return object_; }
  bool ok() const { return status_.has_value(); }
  const Result<>& status() const { return status_; }

 private:
  template <class T>
  void keep(Result<T> read, T& value) {
    if (!ok()) return;
    if (read) {
      value = std::move(*read);
    } else {
      status_ = std::unexpected(std::move(read).error());
    }
  }

  const json& object_;
  const std::string& where_;
  Result<> status_;
};

// rope_theta stands at the top (transformers 4) or in rope_parameters (5).
Result<> read_rope(const json& object, LlamaConfig& config, const std::string& where) {
  for (std::string_view key : {"rope_parameters", "rope_scaling"}) {
    const json* rope = json_member(object, key);
    if (!rope) continue;
    Fields fields(*rope, where);
    fields.number("rope_theta", config.rope_theta);
    fields.require_text("rope_type", "default");
    VLSWEEP_CHECK_OK(fields.status());
  }
  Fields fields(object, where);
  fields.number("rope_theta", config.rope_theta);
  return fields.status();
}

Result<LlamaConfig> read_text(const json& object, const std::string& where) {
  LlamaConfig config;
  Fields fields(object, where);
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

Result<ClipConfig> read_vision(const json& object, const std::string& where) {
  ClipConfig config;
  Fields fields(object, where);
  fields.require_text("model_type", "clip_vision_model");
  fields.extent("hidden_size", config.hidden_size);
  fields.extent("intermediate_size", config.intermediate_size);
  fields.integer("num_hidden_layers", config.num_layers, 1, kMaxLayers);
  fields.extent("num_attention_heads", config.num_heads);
  fields.extent("image_size", config.image_size);
  fields.extent("patch_size", config.patch_size);
  fields.extent("projection_dim", config.projection_dim);
  fields.number("layer_norm_eps", config.layer_norm_eps);
  fields.text("hidden_act", config.hidden_act);
  std::int64_t channels = 3;
  fields.integer("num_channels", channels, 3, 3);
  if (fields.ok() && config.hidden_act != "quick_gelu" && config.hidden_act != "gelu") {
    fields.refuse("vision hidden_act \"" + config.hidden_act + "\" is not supported");
  }
  if (fields.ok() && config.hidden_size % config.num_heads != 0) {
    fields.refuse("vision hidden_size must be a multiple of num_attention_heads");
  }
  if (fields.ok() && config.patch_size > config.image_size) {
    fields.refuse("patch_size is larger than image_size");
  }
  VLSWEEP_CHECK_OK(fields.status());
  return config;
}

// openai/clip-vit-large-patch14-336: what a LLaVA config means when it states no tower.
ClipConfig large_tower() {
  ClipConfig config;
  config.hidden_size = 1024;
  config.intermediate_size = 4096;
  config.num_layers = 24;
  config.num_heads = 16;
  config.image_size = 336;
  config.patch_size = 14;
  config.projection_dim = 768;
  return config;
}

void read_common(Fields& fields, ModelConfig& config) {
  fields.text("torch_dtype", config.torch_dtype);
  fields.text("dtype", config.torch_dtype);
  fields.token("bos_token_id", config.bos_token);
  fields.token("eos_token_id", config.eos_token);
  fields.token("pad_token_id", config.pad_token);
}

// The members of llava-hf's config.json beside text_config and vision_config.
void read_multimodal(Fields& fields, ModelConfig& config) {
  fields.integer("image_token_id", config.image_token, 0, kMaxExtent);
  fields.integer("image_token_index", config.image_token, 0, kMaxExtent);
  fields.integer("vision_feature_layer", config.feature_layer, -kMaxLayers, kMaxLayers);
  std::string strategy = "default";
  fields.text("vision_feature_select_strategy", strategy);
  if (fields.ok() && strategy != "default" && strategy != "full") {
    fields.refuse("vision_feature_select_strategy must be \"default\" or \"full\"");
  }
  config.drop_class_token = strategy == "default";
  fields.require_text("projector_hidden_act", "gelu");
  fields.flag("multimodal_projector_bias", config.projector_bias);
  fields.flag("tie_word_embeddings", config.text.tie_word_embeddings);
}

// The members of liuhaotian's flat config.json.
void read_flat_multimodal(Fields& fields, ModelConfig& config) {
  fields.integer("mm_vision_select_layer", config.feature_layer, -kMaxLayers, kMaxLayers);
  fields.require_text("mm_projector_type", "mlp2x_gelu");
  std::string feature = "patch";
  fields.text("mm_vision_select_feature", feature);
  config.drop_class_token = feature == "patch";
  config.image_token = config.text.vocab_size;  // no token of the vocabulary: a placeholder alone
}

Result<> check_feature_layer(const ModelConfig& config, const std::string& where) {
  const std::int64_t layers = config.vision->num_layers;
  if (config.tower_layers_run() >= 0 && config.tower_layers_run() <= layers) return {};
  return fail(Errc::invalid,
              "vision_feature_layer " + std::to_string(config.feature_layer) +
                  " is outside the tower's " + std::to_string(layers) + " layers",
              where);
}

}  // namespace

std::int64_t ModelConfig::tower_layers_run() const {
  return feature_layer >= 0 ? feature_layer : vision->num_layers + 1 + feature_layer;
}

std::int64_t ModelConfig::image_positions() const {
  return vision->num_patches() + (drop_class_token ? 0 : 1);
}

Result<ModelConfig> parse_config(std::string_view json_text, const std::string& where) {
  VLSWEEP_TRY(const json object, parse_json_object(json_text, where));
  ModelConfig config;
  Fields fields(object, where);
  std::string type = "llava";
  fields.text("model_type", type);
  VLSWEEP_CHECK_OK(fields.status());
  const json* text = json_member(object, "text_config");
  const bool flat = text == nullptr && fields.has("mm_vision_tower");
  if (type != "llama" && type != "llava" && type != "llava_llama") {
    return fail(Errc::invalid, "model_type \"" + type + "\" is not supported", where);
  }
  const bool nested = type == "llava" && !flat;
  const json empty = json::object();
  const json& text_object = nested ? (text ? *text : empty) : object;
  if (!text_object.is_object()) return fail(Errc::invalid, "text_config must be an object", where);
  if (nested) {
    Fields text_fields(text_object, where);
    text_fields.require_text("model_type", "llama");
    VLSWEEP_CHECK_OK(text_fields.status());
    read_common(text_fields, config);
  }
  VLSWEEP_TRY(config.text, read_text(text_object, where));
  read_common(fields, config);
  if (nested || flat) {
    const json* vision = json_member(object, "vision_config");
    config.vision = large_tower();
    if (vision) {
      VLSWEEP_TRY(config.vision, read_vision(*vision, where));
    }
    nested ? read_multimodal(fields, config) : read_flat_multimodal(fields, config);
  }
  VLSWEEP_CHECK_OK(fields.status());
  if (config.vision) VLSWEEP_CHECK_OK(check_feature_layer(config, where));
  return config;
}

Result<ModelConfig> load_config(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  VLSWEEP_TRY(const std::string text, read_file(path, kMaxConfigBytes));
  return parse_config(text, path.string());
}

}  // namespace vlsweep
