#include "worker/trainer/architecture/config_fields.h"

namespace vlsweep {

void ConfigFields::number(std::string_view key, double& value) {
  keep(json_number(object_, key, value, where_), value);
  if (ok() && !(value > 0)) refuse("\"" + std::string(key) + "\" must be above 0");
}

void ConfigFields::token(std::string_view key, std::optional<std::int64_t>& value) {
  const nlohmann::json* found = json_member(object_, key);
  if (found && found->is_array() && !found->empty()) found = &found->front();
  if (found && found->is_number_unsigned() && found->get<std::uint64_t>() <= kMaxExtent) {
    value = found->get<std::int64_t>();
  }
}

void ConfigFields::require_flag_off(std::string_view key) {
  bool value = false;
  flag(key, value);
  if (value) refuse("\"" + std::string(key) + "\": true is not supported");
}

void ConfigFields::require_text(std::string_view key, std::string_view only) {
  std::string value(only);
  text(key, value);
  if (ok() && value != only) {
    refuse("\"" + std::string(key) + "\": \"" + value + "\" is not supported, only \"" +
           std::string(only) + "\"");
  }
}

}  // namespace vlsweep
