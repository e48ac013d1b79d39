#include <array>
#include <nlohmann/json.hpp>

#include "orchestrator/base/file.h"
#include "worker/trainer/architecture/architecture.h"
#include "worker/trainer/architecture/llama/llama.h"
#include "worker/trainer/architecture/llava/llava.h"
#include "worker/trainer/architecture/minigpt_v2/minigpt_v2.h"
#include "worker/trainer/format/json_object.h"

namespace vlsweep {

std::span<const Architecture* const> architectures() {
  static const std::array all{
      &llava_architecture(),
      &minigpt_v2_architecture(),
      &llama_architecture(),
  };
  return all;
}

std::string_view prompt_for(const ModelConfig& config, bool has_chat_template,
                            std::string_view asked) {
  if (asked != "auto") return asked;
  return !config.vision && has_chat_template ? "chat" : config.architecture->prompt;
}

std::string_view image_mode_for(const ModelConfig& config, std::string_view asked) {
  return asked == "auto" ? config.architecture->image_mode : asked;
}

Result<ModelConfig> parse_config(std::string_view text, const std::string& where) {
  VLSWEEP_TRY(const nlohmann::json object, parse_json_object(text, where));
  VLSWEEP_TRY(const std::string type, json_text(object, "model_type", "", where));
  std::string known;
  for (const Architecture* architecture : architectures()) {
    known += (known.empty() ? "" : ", ") + std::string(architecture->name);
    if (!architecture->recognizes(type, object)) continue;
    VLSWEEP_TRY(ModelConfig config, architecture->read_config(object, where));
    config.architecture = architecture;
    return config;
  }
  return fail(Errc::invalid, "model_type \"" + type + "\" is not supported; vlsweep knows " + known,
              where);
}

Result<ModelConfig> load_config(const std::filesystem::path& folder) {
  const auto path = folder / "config.json";
  VLSWEEP_TRY(const std::string text, read_file(path, kMaxConfigBytes));
  return parse_config(text, path.string());
}

std::filesystem::path tower_folder(const std::filesystem::path& model_folder,
                                   std::string_view separate_tower) {
  std::error_code ignored;
  if (separate_tower.empty()) return {};
  const auto folder = (model_folder / separate_tower).lexically_normal();
  return std::filesystem::exists(folder / "config.json", ignored) ? folder
                                                                  : std::filesystem::path();
}

std::string config_json(const ModelConfig& config) {
  return config.architecture->write_config(config).dump(2) + "\n";
}

}  // namespace vlsweep
