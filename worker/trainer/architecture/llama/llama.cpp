#include "worker/trainer/architecture/llama/llama.h"

#include <utility>

namespace vlsweep {
namespace {

using nlohmann::json;

bool recognizes(std::string_view model_type, const json&) { return model_type == "llama"; }

Result<ModelConfig> read_config(const json& object, const std::string& where) {
  ModelConfig config;
  VLSWEEP_TRY(config.text, read_text_config(object, where));
  ConfigFields fields(object, where);
  read_token_ids(fields, config);
  VLSWEEP_CHECK_OK(fields.status());
  return config;
}

// transformers' LlamaForCausalLM names its tensors as its files do.
std::string file_name(std::string_view canonical_name) {
  constexpr std::string_view kPrefix = "language_model.";
  if (canonical_name.starts_with(kPrefix)) canonical_name.remove_prefix(kPrefix.size());
  return std::string(canonical_name);
}

}  // namespace

const Architecture& llama_architecture() {
  static const Architecture architecture{
      .name = "llama",
      .recognizes = recognizes,
      .read_config = read_config,
      .write_config = text_config_json,
      .canonical_name = canonical_decoder_name,
      .file_name = file_name,
      .module_name = file_name,
      .prompt = "vicuna_v1",
  };
  return architecture;
}

}  // namespace vlsweep
