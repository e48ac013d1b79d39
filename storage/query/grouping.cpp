#include "storage/query/grouping.h"

#include <algorithm>
#include <set>

namespace vlsweep {

GroupKey group_key(const TrialTable& table, std::size_t trial,
                   const std::vector<std::string>& names) {
  GroupKey key;
  for (const std::string& name : names) key.push_back(table.value(trial, name).value_or("null"));
  return key;
}

std::vector<GroupKey> group_keys(const TrialTable& table, const std::vector<std::uint32_t>& trials,
                                 const std::vector<std::string>& names) {
  std::vector<std::map<std::string, std::size_t>> order(names.size());
  for (std::size_t t = 0; t < table.trials.size(); ++t) {
    const GroupKey key = group_key(table, t, names);
    for (std::size_t i = 0; i < names.size(); ++i) order[i].try_emplace(key[i], order[i].size());
  }
  std::map<std::vector<std::size_t>, GroupKey> sorted;
  for (const std::uint32_t t : trials) {
    GroupKey key = group_key(table, t, names);
    std::vector<std::size_t> rank;
    for (std::size_t i = 0; i < names.size(); ++i) rank.push_back(order[i][key[i]]);
    sorted.try_emplace(std::move(rank), std::move(key));
  }
  std::vector<GroupKey> keys;
  for (auto& [rank, key] : sorted) keys.push_back(std::move(key));
  return keys;
}

std::vector<std::string> varying_within(const TrialTable& table,
                                        const std::vector<std::uint32_t>& trials,
                                        const std::vector<std::string>& names) {
  std::vector<std::string> varying;
  for (const std::string& parameter : table.parameters) {
    if (std::find(names.begin(), names.end(), parameter) != names.end()) continue;
    std::map<GroupKey, std::string> seen;
    const bool varies = std::any_of(trials.begin(), trials.end(), [&](std::uint32_t t) {
      const std::string value = table.value(t, parameter).value_or("null");
      return seen.try_emplace(group_key(table, t, names), value).first->second != value;
    });
    if (varies) varying.push_back(parameter);
  }
  return varying;
}

}  // namespace vlsweep
