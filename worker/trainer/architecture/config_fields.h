// Reading config.json field by field, with bounds. For the architectures' config.cpp files; a
// ConfigFields belongs to one function.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "orchestrator/base/result.h"
#include "worker/trainer/format/json_object.h"

namespace vlsweep {

inline constexpr std::int64_t kMaxExtent = 1 << 20;
inline constexpr std::int64_t kMaxLayers = 1024;

// Reads the members of one object of config.json; the first error stays.
class ConfigFields {
 public:
  ConfigFields(const nlohmann::json& object, const std::string& where)
      : object_(object), where_(where) {}

  void integer(std::string_view key, std::int64_t& value, std::int64_t least, std::int64_t most) {
    keep(json_integer(object_, key, value, least, most, where_), value);
  }
  void extent(std::string_view key, std::int64_t& value) { integer(key, value, 1, kMaxExtent); }
  void number(std::string_view key, double& value);
  void flag(std::string_view key, bool& value) {
    keep(json_flag(object_, key, value, where_), value);
  }
  void text(std::string_view key, std::string& value) {
    keep(json_text(object_, key, value, where_), value);
  }
  // A token id, null, or (generation configs) a list whose first item counts.
  void token(std::string_view key, std::optional<std::int64_t>& value);
  // A field that vlsweep knows in one form alone.
  void require_flag_off(std::string_view key);
  void require_text(std::string_view key, std::string_view only);
  void refuse(std::string message) {
    if (ok()) status_ = fail(Errc::invalid, std::move(message), where_);
  }

  bool has(std::string_view key) const { return json_member(object_, key) != nullptr; }
  const nlohmann::json& object() const { return object_; }
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

  const nlohmann::json& object_;
  const std::string& where_;
  Result<> status_;
};

}  // namespace vlsweep
