#include "worker/trainer/stage/json_fields.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace vlsweep {
namespace {

const nlohmann::json kNull;

std::string bounds(const nlohmann::json& least, const nlohmann::json& most) {
  return "from " + least.dump() + " to " + most.dump();
}

}  // namespace

std::string names_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

JsonFields::JsonFields(const nlohmann::json& object, std::string place)
    : object_(object), place_(std::move(place)) {
  if (!object_.is_object()) error_ = Error{Errc::invalid, "is not a JSON object", place_};
}

std::string JsonFields::place_of(std::string_view name) const {
  return place_.empty() ? std::string(name) : place_ + "." + std::string(name);
}

void JsonFields::complain(std::string_view name, std::string message) {
  if (!error_) error_ = Error{Errc::invalid, std::move(message), place_of(name)};
}

const nlohmann::json* JsonFields::find(std::string_view name) {
  known_.emplace_back(name);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

const nlohmann::json* JsonFields::require(std::string_view name) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) complain(name, "is missing");
  return value;
}

bool JsonFields::has(std::string_view name) const {
  if (!object_.is_object()) return false;
  const auto found = object_.find(name);
  return found != object_.end() && !found->is_null();
}

std::string JsonFields::text(std::string_view name) {
  const nlohmann::json* value = require(name);
  return value == nullptr ? std::string() : optional_text(name).value_or("");
}

std::optional<std::string> JsonFields::optional_text(std::string_view name) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  complain(name, "should be a string");
  return std::nullopt;
}

std::int64_t JsonFields::integer(std::string_view name, std::int64_t least, std::int64_t most) {
  return require(name) == nullptr ? least : optional_integer(name, least, most).value_or(least);
}

std::optional<std::int64_t> JsonFields::optional_integer(std::string_view name, std::int64_t least,
                                                         std::int64_t most) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::nullopt;
  const bool too_large = value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX;
  if (value->is_number_integer() && !too_large) {
    const auto number = value->get<std::int64_t>();
    if (number >= least && number <= most) return number;
  }
  complain(name, "should be a whole number " + bounds(least, most));
  return std::nullopt;
}

double JsonFields::number(std::string_view name, double least, double most) {
  return require(name) == nullptr ? least : optional_number(name, least, most).value_or(least);
}

std::optional<double> JsonFields::optional_number(std::string_view name, double least,
                                                  double most) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) {
    const auto number = value->get<double>();
    if (number >= least && number <= most) return number;
  }
  complain(name, "should be a number " + bounds(least, most));
  return std::nullopt;
}

bool JsonFields::boolean(std::string_view name) {
  return require(name) != nullptr && optional_boolean(name).value_or(false);
}

std::optional<bool> JsonFields::optional_boolean(std::string_view name) {
  const nlohmann::json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  complain(name, "should be true or false");
  return std::nullopt;
}

const nlohmann::json& JsonFields::object(std::string_view name) {
  const nlohmann::json* value = require(name);
  if (value != nullptr && value->is_object()) return *value;
  complain(name, "should be an object");
  return kNull;
}

const nlohmann::json& JsonFields::list(std::string_view name) {
  const nlohmann::json* value = require(name);
  if (value != nullptr && value->is_array()) return *value;
  complain(name, "should be a list");
  return kNull;
}

std::vector<std::string> JsonFields::texts(std::string_view name) {
  std::vector<std::string> result;
  for (const nlohmann::json& item : list(name)) {
    if (item.is_string())
      result.push_back(item.get<std::string>());
    else
      complain(name, "should be a list of strings");
  }
  return result;
}

Result<> JsonFields::finish() {
  if (error_) return std::unexpected(*error_);
  for (const auto& [name, value] : object_.items())
    if (!name.starts_with('@') && std::ranges::find(known_, name) == known_.end())
      return fail(Errc::invalid, "is not known to this trainer", place_of(name));
  return {};
}

}  // namespace vlsweep
