#include "worker/trainer/format/json_object.h"

#include <cmath>
#include <set>
#include <vector>

#include "orchestrator/base/file.h"

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 32;

// Watches a parse: the first duplicate key or too deep a place is kept.
class ParseGuard {
 public:
  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth) complaint_ = "nested too deeply";
    if (event == json::parse_event_t::object_start) keys_.emplace_back();
    if (event == json::parse_event_t::object_end && !keys_.empty()) keys_.pop_back();
    if (event == json::parse_event_t::key && !keys_.empty() && complaint_.empty()) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second) complaint_ = "key \"" + key + "\" appears twice";
    }
    return true;
  }
  const std::string& complaint() const { return complaint_; }

 private:
  std::vector<std::set<std::string>> keys_;
  std::string complaint_;
};

std::unexpected<Error> wrong_field(std::string_view key, std::string_view wanted, const json& found,
                                   const std::string& where) {
  std::string value = found.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 60);
  return fail(Errc::invalid,
              "\"" + std::string(key) + "\" must be " + std::string(wanted) + ", not " + value,
              where);
}

}  // namespace

Result<json> parse_json_object(std::string_view text, const std::string& where) {
  ParseGuard guard;
  json parsed = json::parse(text.begin(), text.end(), std::ref(guard), false);
  if (!guard.complaint().empty()) return fail(Errc::invalid, "JSON: " + guard.complaint(), where);
  if (parsed.is_discarded()) return fail(Errc::invalid, "not valid JSON", where);
  if (!parsed.is_object()) return fail(Errc::invalid, "expected a JSON object", where);
  return parsed;
}

Result<json> read_json_object(const std::filesystem::path& path, std::uint64_t max_bytes) {
  VLSWEEP_TRY(std::string text, read_file(path, max_bytes));
  return parse_json_object(text, path.string());
}

const json* json_member(const json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Result<std::int64_t> json_integer(const json& object, std::string_view key, std::int64_t fallback,
                                  std::int64_t least, std::int64_t most, const std::string& where) {
  const json* found = json_member(object, key);
  if (!found) return fallback;
  const std::string wanted =
      "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  if (!found->is_number_integer()) return wrong_field(key, wanted, *found, where);
  if (found->is_number_unsigned() &&
      found->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
    return wrong_field(key, wanted, *found, where);
  }
  const auto value = found->get<std::int64_t>();
  if (value < least || value > most) return wrong_field(key, wanted, *found, where);
  return value;
}

Result<double> json_number(const json& object, std::string_view key, double fallback,
                           const std::string& where) {
  const json* found = json_member(object, key);
  if (!found) return fallback;
  if (!found->is_number() || !std::isfinite(found->get<double>())) {
    return wrong_field(key, "a number", *found, where);
  }
  return found->get<double>();
}

Result<bool> json_flag(const json& object, std::string_view key, bool fallback,
                       const std::string& where) {
  const json* found = json_member(object, key);
  if (!found) return fallback;
  if (!found->is_boolean()) return wrong_field(key, "true or false", *found, where);
  return found->get<bool>();
}

Result<std::string> json_text(const json& object, std::string_view key, std::string_view fallback,
                              const std::string& where) {
  const json* found = json_member(object, key);
  if (!found) return std::string(fallback);
  if (!found->is_string()) return wrong_field(key, "text", *found, where);
  return found->get<std::string>();
}

}  // namespace vlsweep
