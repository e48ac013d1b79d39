// with_defaults: the table that suits a sweep when the user does not say what to show.
#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include "storage/query/grouping.h"
#include "storage/query/query.h"

namespace vlsweep {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::size_t num_values(const TrialTable& table, const std::string& name) {
  std::set<std::string> values;
  for (std::size_t t = 0; t < table.trials.size(); ++t)
    values.insert(table.value(t, name).value_or("null"));
  return values.size();
}

// Rows: mode and safety_ratio, then whatever else a cell would average over; columns: tuning. In a
// sweep without tuning the last row becomes the columns if it takes few values.
void default_axes(const TrialTable& table, QuerySpec& spec) {
  constexpr std::size_t kMaxColumns = 6;
  for (const char* name : {"mode", "safety_ratio"})
    if (table.parameter(name) && num_values(table, name) > 1) spec.rows.push_back(name);
  if (table.parameter("tuning") && num_values(table, "tuning") > 1) spec.cols.push_back("tuning");
  std::vector<std::uint32_t> all(table.trials.size());
  std::iota(all.begin(), all.end(), 0U);
  for (;;) {
    std::vector<std::string> used = spec.rows;
    used.insert(used.end(), spec.cols.begin(), spec.cols.end());
    const std::vector<std::string> varying = varying_within(table, all, used);
    if (varying.empty()) break;
    spec.rows.push_back(varying.front());
  }
  if (spec.cols.empty() && spec.rows.size() > 1 &&
      num_values(table, spec.rows.back()) <= kMaxColumns) {
    spec.cols.push_back(spec.rows.back());
    spec.rows.pop_back();
  }
}

// One attack, one over-refusal and one helpfulness number if there are such; else the first
// metrics.
void default_values(const std::vector<std::string>& known, QuerySpec& spec) {
  constexpr std::array<std::array<const char*, 3>, 3> kWanted{
      {{"vlguard-unsafe.asr", "advbench.asr", "figstep.asr"},
       {"vlguard-safe-safe.refusal", "xstest-safe.refusal", "helpful.refusal"},
       {"helpful.accuracy", "helpful-text.accuracy", "helpful-text.accuracy"}}};
  for (const auto& choices : kWanted)
    for (const char* name : choices)
      if (contains(known, name)) {
        spec.values.emplace_back(name);
        break;
      }
  if (!spec.values.empty()) return;
  if (contains(known, "tune.loss"))
    spec.values.emplace_back("tune.loss");
  else if (!known.empty())
    spec.values.push_back(known.front());
}

}  // namespace

Result<QuerySpec> with_defaults(const sqlite::Database& db, QuerySpec spec) {
  if (spec.rows.empty() && spec.cols.empty()) {
    VLSWEEP_TRY(const TrialTable table, TrialTable::load(db));
    default_axes(table, spec);
  }
  if (spec.values.empty()) {
    VLSWEEP_TRY(const std::vector<std::string> known, known_metrics(db));
    default_values(known, spec);
    if (spec.values.empty())
      return fail(Errc::not_found, "the sweep measures nothing", db.path().string());
  }
  return spec;
}

}  // namespace vlsweep
