#include "storage/trial_filter.h"

#include <algorithm>
#include <set>

#include "storage/suggest.h"

namespace vlsweep {

Result<TrialFilter> TrialFilter::compile(const sqlite::Database& db, const TrialTable& table,
                                         const std::string& text) {
  TrialFilter filter(table);
  if (text.find_first_not_of(" \t\n") == std::string::npos) return filter;
  Result<Expression> parsed = Expression::parse(text);
  if (!parsed) return with_context(parsed.error(), "where");
  filter.expression_ = std::move(*parsed);
  VLSWEEP_CHECK_OK(filter.load_names(db));
  return filter;
}

Result<> TrialFilter::load_names(const sqlite::Database& db) {
  VLSWEEP_TRY(const std::vector<std::string> metrics, known_metrics(db));
  for (const Expression::Name& name : expression_->names()) {
    if (table_->knows(name.name) || metrics_.contains(name.name)) continue;
    if (std::find(metrics.begin(), metrics.end(), name.name) != metrics.end()) {
      VLSWEEP_TRY(metrics_[name.name], load_metric(db, *table_, name.name));
      continue;
    }
    if (name.may_be_text) {
      VLSWEEP_CHECK_OK(check_word(name));
      continue;
    }
    std::vector<std::string> known = table_->names();
    known.insert(known.end(), metrics.begin(), metrics.end());
    return fail(Errc::invalid, "where: " + unknown_name("parameter or metric", name.name, known),
                "column " + std::to_string(name.column));
  }
  return {};
}

// `mode == posthc`: a word that no trial has is a typing error, not an empty answer.
Result<> TrialFilter::check_word(const Expression::Name& name) const {
  if (!table_->parameter(name.compared_with)) return {};
  std::set<std::string> values;
  for (std::size_t t = 0; t < table_->trials.size(); ++t) {
    const auto json = table_->value(t, name.compared_with);
    if (json) values.insert(value_to_text(value_from_json(*json)));
  }
  if (values.contains(name.name)) return {};
  return fail(Errc::invalid,
              "where: " + unknown_name("value of " + name.compared_with, name.name,
                                       {values.begin(), values.end()}),
              "column " + std::to_string(name.column));
}

std::optional<Value> TrialFilter::lookup(std::size_t trial, std::string_view name) const {
  if (table_->knows(name)) {
    const auto json = table_->value(trial, name);
    return json ? value_from_json(*json) : Value();
  }
  const auto at = metrics_.find(name);
  if (at == metrics_.end()) return std::nullopt;
  const MetricCell& cell = at->second[trial];
  return cell.value ? Value(*cell.value) : Value();
}

Result<std::vector<std::uint32_t>> TrialFilter::passing() const {
  std::vector<std::uint32_t> trials;
  for (std::uint32_t t = 0; t < table_->trials.size(); ++t) {
    if (expression_) {
      Result<bool> holds =
          expression_->holds([&](std::string_view name) { return lookup(t, name); });
      if (!holds) return with_context(holds.error(), "where");
      if (!*holds) continue;
    }
    trials.push_back(t);
  }
  return trials;
}

}  // namespace vlsweep
