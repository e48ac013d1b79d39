#include "worker/trainer/architecture/llava/config.h"

#include <utility>

#include "worker/trainer/architecture/config_fields.h"
#include "worker/trainer/architecture/llama/llama.h"

namespace vlsweep {
namespace {

using nlohmann::json;

Result<ClipConfig> read_vision(const json& object, const std::string& where) {
  ClipConfig config;
  ConfigFields fields(object, where);
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

// The tower of a liuhaotian checkpoint: as mm_vision_tower's folder states it (the config.json of a
// CLIP or of its vision half), or the large one where that is a name on the hub.
Result<ClipConfig> separate_tower(const ModelConfig& config, const std::string& where) {
  const auto folder =
      tower_folder(std::filesystem::path(where).parent_path(), config.separate_tower);
  if (folder.empty()) return large_tower();
  const auto path = folder / "config.json";
  VLSWEEP_TRY(const json object, read_json_object(path, kMaxConfigBytes));
  const json* half = json_member(object, "vision_config");
  return read_vision(half ? *half : object, path.string());
}

// The members of llava-hf's config.json beside text_config and vision_config.
void read_multimodal(ConfigFields& fields, ModelConfig& config, LlavaVisionConfig& vision) {
  fields.integer("image_token_id", config.image_token, 0, kMaxExtent);
  fields.integer("image_token_index", config.image_token, 0, kMaxExtent);
  fields.integer("vision_feature_layer", vision.feature_layer, -kMaxLayers, kMaxLayers);
  std::string strategy = "default";
  fields.text("vision_feature_select_strategy", strategy);
  if (fields.ok() && strategy != "default" && strategy != "full") {
    fields.refuse("vision_feature_select_strategy must be \"default\" or \"full\"");
  }
  vision.drop_class_token = strategy == "default";
  fields.require_text("projector_hidden_act", "gelu");
  fields.flag("multimodal_projector_bias", vision.projector_bias);
  fields.flag("tie_word_embeddings", config.text.tie_word_embeddings);
}

// The members of liuhaotian's flat config.json.
void read_flat_multimodal(ConfigFields& fields, ModelConfig& config, LlavaVisionConfig& vision) {
  fields.integer("mm_vision_select_layer", vision.feature_layer, -kMaxLayers, kMaxLayers);
  fields.require_text("mm_projector_type", "mlp2x_gelu");
  std::string feature = "patch";
  fields.text("mm_vision_select_feature", feature);
  vision.drop_class_token = feature == "patch";
  config.image_token = config.text.vocab_size;  // no token of the vocabulary: a placeholder alone
}

Result<> check_feature_layer(const LlavaVisionConfig& vision, const std::string& where) {
  const std::int64_t layers = vision.tower.num_layers;
  if (vision.tower_layers_run() >= 0 && vision.tower_layers_run() <= layers) return {};
  return fail(Errc::invalid,
              "vision_feature_layer " + std::to_string(vision.feature_layer) +
                  " is outside the tower's " + std::to_string(layers) + " layers",
              where);
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

std::int64_t LlavaVisionConfig::tower_layers_run() const {
  return feature_layer >= 0 ? feature_layer : tower.num_layers + 1 + feature_layer;
}

std::shared_ptr<const LlavaVisionConfig> llava_vision(LlavaVisionConfig config) {
  config.image_size = config.tower.image_size;
  config.positions = config.tower.num_patches() + (config.drop_class_token ? 0 : 1);
  config.feature_size = config.tower.hidden_size;
  config.feature_settings = config.tower.hidden_act + std::to_string(config.feature_layer) +
                            (config.drop_class_token ? "patches" : "all") +
                            std::to_string(config.tower.layer_norm_eps) + ' ' +
                            std::to_string(config.tower.num_heads);
  return std::make_shared<const LlavaVisionConfig>(std::move(config));
}

const LlavaVisionConfig& llava_vision(const ModelConfig& config) {
  return static_cast<const LlavaVisionConfig&>(*config.vision);
}

Result<ModelConfig> read_llava_config(const json& object, const std::string& where) {
  ModelConfig config;
  LlavaVisionConfig vision;
  const json* text = json_member(object, "text_config");
  const bool flat = text == nullptr && json_member(object, "mm_vision_tower") != nullptr;
  const json empty = json::object();
  const json& text_object = flat ? object : text ? *text : empty;
  if (!text_object.is_object()) return fail(Errc::invalid, "text_config must be an object", where);
  if (!flat) {
    ConfigFields text_fields(text_object, where);
    text_fields.require_text("model_type", "llama");
    read_token_ids(text_fields, config);
    VLSWEEP_CHECK_OK(text_fields.status());
  }
  VLSWEEP_TRY(config.text, read_text_config(text_object, where));
  ConfigFields fields(object, where);
  read_token_ids(fields, config);
  const json* tower = json_member(object, "vision_config");
  if (flat) fields.text("mm_vision_tower", config.separate_tower);
  if (tower) {
    VLSWEEP_TRY(vision.tower, read_vision(*tower, where));
  } else {
    VLSWEEP_TRY(vision.tower, separate_tower(config, where));
  }
  flat ? read_flat_multimodal(fields, config, vision) : read_multimodal(fields, config, vision);
  VLSWEEP_CHECK_OK(fields.status());
  VLSWEEP_CHECK_OK(check_feature_layer(vision, where));
  config.vision = llava_vision(std::move(vision));
  return config;
}

json llava_config_json(const ModelConfig& config) {
  const LlavaVisionConfig& vision = llava_vision(config);
  json text = text_config_json(config);
  json object = {{"architectures", {"LlavaForConditionalGeneration"}},
                 {"model_type", "llava"},
                 {"image_token_index", config.image_token},
                 {"image_seq_length", vision.positions},
                 {"vision_feature_layer", vision.feature_layer},
                 {"vision_feature_select_strategy", vision.drop_class_token ? "default" : "full"},
                 {"projector_hidden_act", vision.projector_act},
                 {"multimodal_projector_bias", vision.projector_bias},
                 {"tie_word_embeddings", config.text.tie_word_embeddings},
                 {"torch_dtype", config.torch_dtype},
                 {"dtype", config.torch_dtype},
                 {"vision_config", vision_json(vision.tower)}};
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) object[key] = text[key];
  object["text_config"] = std::move(text);
  return object;
}

}  // namespace vlsweep
