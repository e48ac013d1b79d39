#include "worker/trainer/format/adapter.h"

#include <array>
#include <cmath>

#include "worker/trainer/format/json_object.h"

namespace vlsweep {
namespace {

using nlohmann::json;

// Members that change what an adapter computes; any but an empty or false value is refused.
constexpr std::array<std::string_view, 12> kUnsupported{"use_dora",
                                                        "rank_pattern",
                                                        "alpha_pattern",
                                                        "lora_bias",
                                                        "layer_replication",
                                                        "megatron_config",
                                                        "trainable_token_indices",
                                                        "target_parameters",
                                                        "eva_config",
                                                        "corda_config",
                                                        "use_qalora",
                                                        "exclude_modules"};

bool is_empty(const json& value) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>();
  return (value.is_object() || value.is_array() || value.is_string()) && value.empty();
}

Result<> refuse_unsupported(const json& object, const std::string& where) {
  for (std::string_view key : kUnsupported) {
    const json* found = json_member(object, key);
    if (found && !is_empty(*found)) {
      return fail(Errc::invalid, "adapters with \"" + std::string(key) + "\" are not supported",
                  where);
    }
  }
  VLSWEEP_TRY(const std::string type, json_text(object, "peft_type", "LORA", where));
  VLSWEEP_TRY(const std::string bias, json_text(object, "bias", "none", where));
  if (type != "LORA") return fail(Errc::invalid, "peft_type must be LORA, not " + type, where);
  if (bias != "none") return fail(Errc::invalid, "bias must be none, not " + bias, where);
  return {};
}

}  // namespace

double AdapterConfig::scale() const {
  const auto divisor = static_cast<double>(rank);
  return alpha / (rslora ? std::sqrt(divisor) : divisor);
}

bool is_adapter_folder(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / "adapter_config.json", ignored);
}

Result<AdapterConfig> load_adapter_config(const std::filesystem::path& folder) {
  const auto path = folder / "adapter_config.json";
  const std::string where = path.string();
  VLSWEEP_TRY(const json object, read_json_object(path, kMaxConfigBytes));
  VLSWEEP_CHECK_OK(refuse_unsupported(object, where));
  AdapterConfig config;
  VLSWEEP_TRY(config.base, json_text(object, "base_model_name_or_path", "", where));
  VLSWEEP_TRY(config.rank, json_integer(object, "r", config.rank, 1, 65536, where));
  VLSWEEP_TRY(config.alpha, json_number(object, "lora_alpha", 8.0, where));
  VLSWEEP_TRY(config.dropout, json_number(object, "lora_dropout", 0.0, where));
  VLSWEEP_TRY(config.rslora, json_flag(object, "use_rslora", false, where));
  VLSWEEP_TRY(config.fan_in_fan_out, json_flag(object, "fan_in_fan_out", false, where));
  if (const json* modules = json_member(object, "modules_to_save");
      modules && modules->is_array()) {
    for (const json& module : *modules) {
      if (module.is_string()) config.modules_to_save.push_back(module.get<std::string>());
    }
  }
  if (config.base.empty()) {
    return fail(Errc::invalid, "base_model_name_or_path is missing: which model is it for?", where);
  }
  return config;
}

std::string adapter_config_json(const AdapterConfig& config, bool text_only) {
  const std::string layers = R"(layers\.\d+\.(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj))";
  json object = {{"peft_type", "LORA"},
                 {"task_type", "CAUSAL_LM"},
                 {"base_model_name_or_path", config.base},
                 {"r", config.rank},
                 {"lora_alpha", config.alpha},
                 {"lora_dropout", config.dropout},
                 {"use_rslora", config.rslora},
                 {"fan_in_fan_out", config.fan_in_fan_out},
                 {"bias", "none"},
                 {"inference_mode", true},
                 {"init_lora_weights", true},
                 {"target_modules", (text_only ? "model\\." : ".*language_model\\.") + layers},
                 {"modules_to_save", nullptr}};
  if (!config.modules_to_save.empty()) object["modules_to_save"] = config.modules_to_save;
  return object.dump(2) + "\n";
}

}  // namespace vlsweep
