// Reads the members of a JSON object one by one, each checked for type and bounds, and keeps the
// first complaint; finish() also refuses members that nobody asked for. Members whose name begins
// with '@' are hints and may be left unread.
//
//   JsonFields fields(spec, "spec");
//   const auto lr = fields.number("lr", 0, 10);
//   VLSWEEP_CHECK_OK(fields.finish());
//
// Belongs to one thread; the object must outlive it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

// "a, b, c"
std::string names_of(const std::vector<std::string>& names);

class JsonFields {
 public:
  JsonFields(const nlohmann::json& object, std::string place);

  // A required member; a complaint gives the least, empty or null value back.
  std::string text(std::string_view name);
  std::int64_t integer(std::string_view name, std::int64_t least, std::int64_t most);
  double number(std::string_view name, double least, double most);
  bool boolean(std::string_view name);
  const nlohmann::json& object(std::string_view name);
  const nlohmann::json& list(std::string_view name);
  std::vector<std::string> texts(std::string_view name);
  // The value of one of the names given.
  template <class T>
  T choice(std::string_view name, const std::vector<std::pair<std::string, T>>& choices) {
    return require(name) == nullptr ? choices.front().second : optional_choice(name, choices);
  }

  // The same where the member may be missing or null.
  std::optional<std::string> optional_text(std::string_view name);
  std::optional<std::int64_t> optional_integer(std::string_view name, std::int64_t least,
                                               std::int64_t most);
  std::optional<double> optional_number(std::string_view name, double least, double most);
  std::optional<bool> optional_boolean(std::string_view name);
  // The first where it is missing.
  template <class T>
  T optional_choice(std::string_view name, const std::vector<std::pair<std::string, T>>& choices) {
    const auto value = optional_text(name);
    if (!value) return choices.front().second;
    std::vector<std::string> names;
    for (const auto& [known, meaning] : choices) {
      if (*value == known) return meaning;
      names.push_back(known);
    }
    complain(name, "is \"" + *value + "\"; known: " + names_of(names));
    return choices.front().second;
  }

  bool has(std::string_view name) const;  // there and not null
  // Marks a member as known without reading it.
  void skip(std::string_view name) { (void)find(name); }
  void complain(std::string_view name, std::string message);
  // The place of a member: "spec.data".
  std::string place_of(std::string_view name) const;

  Result<> finish();

 private:
  const nlohmann::json* find(std::string_view name);     // nullptr if missing or null
  const nlohmann::json* require(std::string_view name);  // the same with a complaint

  const nlohmann::json& object_;
  std::string place_;
  std::vector<std::string> known_;
  std::optional<Error> error_;
};

}  // namespace vlsweep
