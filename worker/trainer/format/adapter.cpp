#include "worker/trainer/format/adapter.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <initializer_list>

#include "worker/trainer/format/json_object.h"

namespace vlsweep {
namespace {

using nlohmann::json;

// Members that are read, and those that do not change what a finished adapter computes: how it was
// started, trained and chosen. Any other with a value is refused.
constexpr std::array<std::string_view, 30> kKnown{"alpha_pattern",
                                                  "auto_mapping",
                                                  "base_model_name_or_path",
                                                  "bias",
                                                  "ensure_weight_tying",
                                                  "exclude_modules",
                                                  "fan_in_fan_out",
                                                  "inference_mode",
                                                  "init_lora_weights",
                                                  "layers_pattern",
                                                  "layers_to_transform",
                                                  "loftq_config",
                                                  "lora_alpha",
                                                  "lora_dropout",
                                                  "megatron_core",
                                                  "model_type",
                                                  "modules_to_save",
                                                  "peft_type",
                                                  "peft_version",
                                                  "qalora_group_size",
                                                  "r",
                                                  "rank_pattern",
                                                  "revision",
                                                  "runtime_config",
                                                  "target_modules",
                                                  "task_type",
                                                  "use_rslora",
                                                  "velora_config",
                                                  "eva_config",
                                                  "peft_format"};
// Ways to start LoRA's matrices that leave the base as it is; the others (PiSSA, OLoRA, LoftQ, ...)
// subtract from its weights.
constexpr std::array<std::string_view, 3> kPlainStarts{"gaussian", "orthogonal", "eva"};

bool is_empty(const json& value) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>();
  return (value.is_object() || value.is_array() || value.is_string()) && value.empty();
}

Result<> refuse_unsupported(const json& object, const std::string& where) {
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(kKnown, key) == kKnown.end() && !is_empty(value))
      return fail(Errc::invalid, "adapters with \"" + key + "\" are not supported", where);
  }
  VLSWEEP_TRY(const std::string type, json_text(object, "peft_type", "LORA", where));
  VLSWEEP_TRY(const std::string bias, json_text(object, "bias", "none", where));
  VLSWEEP_TRY(const bool transposed, json_flag(object, "fan_in_fan_out", false, where));
  if (type != "LORA") return fail(Errc::invalid, "peft_type must be LORA, not " + type, where);
  if (bias != "none") return fail(Errc::invalid, "bias must be none, not " + bias, where);
  if (transposed) return fail(Errc::invalid, "fan_in_fan_out is not supported", where);
  const json* start = json_member(object, "init_lora_weights");
  if (!start || !start->is_string()) return {};
  const auto& name = start->get_ref<const std::string&>();
  if (std::ranges::find(kPlainStarts, name) != kPlainStarts.end()) return {};
  return fail(Errc::invalid,
              "init_lora_weights \"" + name +
                  "\" changes the base's weights and is not supported; let peft merge it first",
              where);
}

// A pattern's key as peft matches it, "(.*\.)?(KEY)$"; only names of modules, no other expressions.
Result<std::string> pattern_module(const std::string& key, const std::string& where) {
  const std::string module = key.starts_with('^') ? key.substr(1) : key;
  const bool plain = std::ranges::all_of(module, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
  });
  if (plain && !module.empty()) return module;
  return fail(Errc::invalid, "\"" + key + "\": only names of modules are supported in patterns",
              where);
}

// Reads object[name], {module: number}; `check` makes the value, or an error.
template <class Value, class Check>
Result<std::vector<std::pair<std::string, Value>>> read_pattern(const json& object,
                                                                std::string_view name,
                                                                const std::string& where,
                                                                const Check& check) {
  std::vector<std::pair<std::string, Value>> pattern;
  const json* found = json_member(object, name);
  if (!found) return pattern;
  const std::string place = where + ", " + std::string(name);
  if (!found->is_object()) return fail(Errc::invalid, "not an object", place);
  for (const auto& [key, value] : found->items()) {
    VLSWEEP_TRY(std::string module, pattern_module(key, place));
    VLSWEEP_TRY(const Value number, check(*found, key, place));
    pattern.emplace_back(std::move(module), number);
  }
  return pattern;
}

template <class Value>
Value pattern_value(const std::vector<std::pair<std::string, Value>>& pattern,
                    std::string_view module, Value otherwise) {
  for (const auto& [key, value] : pattern)
    if (module == key || module.ends_with("." + key)) return value;
  return otherwise;
}

constexpr std::int64_t kMostRank = 65536;

}  // namespace

std::int64_t AdapterConfig::rank_of(std::string_view module) const {
  return pattern_value(rank_pattern, module, rank);
}

double AdapterConfig::scale_of(std::string_view module) const {
  const auto divisor = static_cast<double>(rank_of(module));
  return pattern_value(alpha_pattern, module, alpha) / (rslora ? std::sqrt(divisor) : divisor);
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
  VLSWEEP_TRY(config.rank, json_integer(object, "r", config.rank, 1, kMostRank, where));
  VLSWEEP_TRY(config.alpha, json_number(object, "lora_alpha", 8.0, where));
  VLSWEEP_TRY(config.dropout, json_number(object, "lora_dropout", 0.0, where));
  VLSWEEP_TRY(config.rslora, json_flag(object, "use_rslora", false, where));
  VLSWEEP_TRY(config.rank_pattern,
              read_pattern<std::int64_t>(
                  object, "rank_pattern", where,
                  [](const json& values, const std::string& key, const std::string& place) {
                    return json_integer(values, key, 0, 1, kMostRank, place);
                  }));
  VLSWEEP_TRY(config.alpha_pattern,
              read_pattern<double>(
                  object, "alpha_pattern", where,
                  [](const json& values, const std::string& key, const std::string& place) {
                    return json_number(values, key, 0, place);
                  }));
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

namespace {

// "(q|v)" of those of `names` (with "_proj") that are targets; empty where none is.
std::string alternatives(const AdapterConfig& config,
                         std::initializer_list<std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) {
    if (std::ranges::find(config.targets, std::string(name) + "_proj") == config.targets.end())
      continue;
    text += (text.empty() ? "(" : "|") + std::string(name);
  }
  return text.empty() ? text : text + ")_proj";
}

std::string target_expression(const AdapterConfig& config, bool text_only) {
  const std::string attention = alternatives(config, {"q", "k", "v", "o"});
  const std::string mlp = alternatives(config, {"gate", "up", "down"});
  std::string modules = attention.empty() ? "" : "self_attn\\." + attention;
  if (!mlp.empty()) modules += (modules.empty() ? "" : "|") + ("mlp\\." + mlp);
  return (text_only ? "model\\." : ".*language_model\\.") + ("layers\\.\\d+\\.(" + modules + ")");
}

}  // namespace

std::string adapter_config_json(const AdapterConfig& config, bool text_only) {
  json object = {{"peft_type", "LORA"},
                 {"task_type", "CAUSAL_LM"},
                 {"base_model_name_or_path", config.base},
                 {"r", config.rank},
                 {"lora_alpha", config.alpha},
                 {"lora_dropout", config.dropout},
                 {"use_rslora", config.rslora},
                 {"fan_in_fan_out", false},
                 {"bias", "none"},
                 {"inference_mode", true},
                 {"init_lora_weights", true},
                 {"target_modules", target_expression(config, text_only)},
                 {"modules_to_save", nullptr}};
  if (!config.modules_to_save.empty()) object["modules_to_save"] = config.modules_to_save;
  return object.dump(2) + "\n";
}

}  // namespace vlsweep
