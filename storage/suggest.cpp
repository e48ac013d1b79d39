#include "storage/suggest.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "storage/utf8.h"

namespace vlsweep {
namespace {

// Levenshtein's distance of names cut at 64 characters.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  a = a.substr(0, 64);
  b = b.substr(0, 64);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& known,
                                       std::size_t limit) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    const bool part = name.size() >= 3 && candidate.find(name) != std::string::npos;
    if (distance <= 1 + name.size() / 4 || part) near.emplace_back(distance, candidate);
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (const auto& [distance, candidate] : near)
    if (names.size() < limit) names.push_back(candidate);
  return names;
}

std::string unknown_name(std::string_view what, std::string_view name,
                         const std::vector<std::string>& known) {
  std::string text =
      "there is no " + std::string(what) + " '" + mend_utf8(name.substr(0, 200)) + "'";
  const std::vector<std::string> near = nearest_names(name, known);
  for (std::size_t i = 0; i < near.size(); ++i)
    text += (i == 0 ? "; did you mean " : i + 1 == near.size() ? " or " : ", ") + near[i];
  text += near.empty() ? "; " : "? ";
  if (known.empty()) return text + "none is known yet";
  constexpr std::size_t kListed = 30;
  text += "Known: ";
  for (std::size_t i = 0; i < std::min(known.size(), kListed); ++i)
    text += (i == 0 ? "" : ", ") + known[i];
  if (known.size() > kListed) text += " and " + std::to_string(known.size() - kListed) + " more";
  return text;
}

}  // namespace vlsweep
