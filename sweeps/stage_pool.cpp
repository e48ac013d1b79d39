#include "sweeps/stage_pool.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "orchestrator/base/file.h"

namespace vlsweep {
namespace {

using Json = nlohmann::json;

// Without the members that only say where things lie.
Json without_hints(const Json& json) {
  if (json.is_array()) {
    Json list = Json::array();
    for (const Json& item : json) list.push_back(without_hints(item));
    return list;
  }
  if (!json.is_object()) return json;
  Json object = Json::object();
  for (const auto& [name, value] : json.items())
    if (name.empty() || name[0] != '@') object[name] = without_hints(value);
  return object;
}

// A path may hold bytes that are no UTF-8; they are replaced rather than thrown at.
std::string canonical(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Key stage_key(StageKind kind, const Json& spec, const std::vector<Key>& parents) {
  Json list = Json::array();
  for (const Key& parent : parents) list.push_back(parent.hex());
  const Json inputs{
      {"kind", stage_kind_name(kind)}, {"parents", std::move(list)}, {"spec", without_hints(spec)}};
  return key_from_hex(sha256_hex(canonical(inputs))).value_or(Key{});
}

std::uint32_t StagePool::add(StageKind kind, const Json& spec, std::vector<std::uint32_t> parents,
                             std::string name, Resources resources, double cost_s) {
  std::vector<Key> keys;
  for (const std::uint32_t parent : parents) keys.push_back(stages_[parent].key);
  const Key key = stage_key(kind, spec, keys);
  const auto index = static_cast<std::uint32_t>(stages_.size());
  const auto [known, is_new] = by_key_.emplace(key, index);
  if (!is_new) return known->second;
  stages_.push_back(
      {key, kind, std::move(name), std::move(parents), canonical(spec), resources, cost_s});
  return index;
}

}  // namespace vlsweep
