#include "worker/trainer/architecture/llava/llava.h"

#include <nlohmann/json.hpp>

#include "worker/trainer/architecture/llava/config.h"
#include "worker/trainer/architecture/llava/vision_front.h"
#include "worker/trainer/format/companion_files.h"

namespace vlsweep {
namespace {

using nlohmann::json;

bool recognizes(std::string_view model_type, const json& config) {
  return model_type == "llava" || model_type == "llava_llama" || model_type.empty() ||
         config.contains("mm_vision_tower");
}

json preprocessor_config(const ClipConfig& tower) {
  return {{"image_processor_type", "LlavaImageProcessor"},
          {"processor_class", "LlavaProcessor"},
          {"do_convert_rgb", true},
          {"do_resize", true},
          {"size", {{"shortest_edge", tower.image_size}}},
          {"resample", 3},
          {"do_center_crop", true},
          {"crop_size", {{"height", tower.image_size}, {"width", tower.image_size}}},
          {"do_rescale", true},
          {"rescale_factor", 1.0 / 255.0},
          {"do_normalize", true},
          {"do_pad", false},
          {"image_mean", {0.48145466, 0.4578275, 0.40821073}},
          {"image_std", {0.26862954, 0.26130258, 0.27577711}}};
}

json processor_config(const LlavaVisionConfig& vision) {
  return {{"processor_class", "LlavaProcessor"},
          {"image_token", "<image>"},
          {"num_additional_image_tokens", 1},
          {"patch_size", vision.tower.patch_size},
          {"vision_feature_select_strategy", vision.drop_class_token ? "default" : "full"}};
}

Result<> write_processor_files(const ModelConfig& config, const std::filesystem::path& folder,
                               const std::filesystem::path& source) {
  const LlavaVisionConfig& vision = llava_vision(config);
  VLSWEEP_CHECK_OK(copy_or_write_json(folder, source, "preprocessor_config.json",
                                      preprocessor_config(vision.tower)));
  return copy_or_write_json(folder, source, "processor_config.json", processor_config(vision));
}

}  // namespace

const Architecture& llava_architecture() {
  static const Architecture architecture{
      .name = "llava",
      .recognizes = recognizes,
      .read_config = read_llava_config,
      .write_config = llava_config_json,
      .canonical_name = canonical_llava_name,
      .file_name = [](std::string_view canonical) { return std::string(canonical); },
      .module_name = llava_module_name,
      .make_vision_front = make_llava_vision_front,
      .write_processor_files = write_processor_files,
      .prompt = "vicuna_v1",
      .image_mode = "pad",
  };
  return architecture;
}

}  // namespace vlsweep
