#include "worker/trainer/architecture/minigpt_v2/minigpt_v2.h"

#include <nlohmann/json.hpp>

#include "worker/trainer/architecture/llama/llama.h"
#include "worker/trainer/architecture/minigpt_v2/config.h"
#include "worker/trainer/architecture/minigpt_v2/vision_front.h"
#include "worker/trainer/format/companion_files.h"

namespace vlsweep {
namespace {

using nlohmann::json;

bool recognizes(std::string_view model_type, const json&) { return model_type == "minigpt_v2"; }

// The converter's names are the canonical ones; peft's adapters have those of memory ("model.").
std::optional<std::string> canonical_name(std::string_view file_name) {
  for (std::string_view prefix : {"model.vision_tower.", "model.multi_modal_projector."}) {
    if (file_name.starts_with(prefix)) {
      return std::string(file_name.substr(std::string_view("model.").size()));
    }
  }
  return canonical_decoder_name(file_name);
}

std::string module_name(std::string_view canonical_name) {
  constexpr std::string_view kDecoder = "language_model.model.", kHead = "language_model.lm_head.";
  const auto rest = [&](std::string_view prefix) {
    return std::string(canonical_name.substr(prefix.size()));
  };
  if (canonical_name.starts_with(kDecoder)) return "model.language_model." + rest(kDecoder);
  if (canonical_name.starts_with(kHead)) return "lm_head." + rest(kHead);
  return "model." + std::string(canonical_name);
}

// blip_processors.Blip2ImageEvalProcessor as transformers' BlipImageProcessor states it.
json preprocessor_config(std::int64_t size) {
  return {{"image_processor_type", "BlipImageProcessor"},
          {"do_convert_rgb", true},
          {"do_resize", true},
          {"size", {{"height", size}, {"width", size}}},
          {"resample", 3},
          {"do_center_crop", false},
          {"do_pad", false},
          {"do_rescale", true},
          {"rescale_factor", 1.0 / 255.0},
          {"do_normalize", true},
          {"image_mean", {0.48145466, 0.4578275, 0.40821073}},
          {"image_std", {0.26862954, 0.26130258, 0.27577711}}};
}

Result<> write_processor_files(const ModelConfig& config, const std::filesystem::path& folder,
                               const std::filesystem::path& source) {
  return copy_or_write_json(folder, source, "preprocessor_config.json",
                            preprocessor_config(config.vision->image_size));
}

}  // namespace

const Architecture& minigpt_v2_architecture() {
  static const Architecture architecture{
      .name = "minigpt_v2",
      .recognizes = recognizes,
      .read_config = read_minigpt_config,
      .write_config = minigpt_config_json,
      .canonical_name = canonical_name,
      .file_name = [](std::string_view canonical) { return std::string(canonical); },
      .module_name = module_name,
      .make_vision_front = make_minigpt_vision_front,
      .write_processor_files = write_processor_files,
      .prompt = "minigpt_v2",
      .image_mode = "stretch",
  };
  return architecture;
}

}  // namespace vlsweep
