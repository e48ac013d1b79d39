#include "sweeps/complaints.h"

#include <algorithm>

namespace vlsweep {
namespace {

constexpr std::size_t kMaxShown = 100;
constexpr std::size_t kMaxListed = 24;
constexpr std::size_t kMaxName = 64;

// Edits (insert, delete, change, swap of neighbours) from one name to the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

void Complaints::add(Position at, std::string message) {
  found_.push_back({at, std::move(message)});
}

void Complaints::add_unknown(Position at, std::string wrong, std::string_view name,
                             const std::vector<std::string>& known) {
  if (known.empty())
    wrong += "; nothing is expected here";
  else if (known.size() > kMaxListed)
    wrong += "; expected a name listed in sweeps/README.md";
  else
    wrong += "; expected one of " + join(known);
  const std::string nearest = nearest_name(name, known);
  if (!nearest.empty()) wrong += "; did you mean \"" + nearest + "\"?";
  add(at, std::move(wrong));
}

std::vector<Error> Complaints::take() {
  std::sort(found_.begin(), found_.end());
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
  std::vector<Error> errors;
  for (std::size_t i = 0; i < found_.size() && i < kMaxShown; ++i) {
    const Position at = found_[i].at;
    std::string where = file_;
    if (at.line > 0) where += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
    errors.push_back({Errc::invalid, std::move(found_[i].message), std::move(where)});
  }
  if (found_.size() > kMaxShown)
    errors.push_back({Errc::invalid,
                      "and " + std::to_string(found_.size() - kMaxShown) + " more complaints",
                      file_});
  found_.clear();
  return errors;
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& known) {
  std::string nearest;
  if (name.size() > kMaxName) return nearest;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    // A name that shares no letter's place with what was written is no help.
    if (distance >= least || distance >= std::max(name.size(), candidate.size())) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest;
}

std::string join(const std::vector<std::string>& names, std::string_view separator) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += separator;
    text += name;
  }
  return text;
}

}  // namespace vlsweep
