// RunReader::trials: filter and sort over all trials in memory, details for the page that is shown.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "storage/run_reader.h"
#include "storage/suggest.h"
#include "storage/trial_filter.h"
#include "storage/trial_table.h"

namespace vlsweep {
namespace {

// Numbers before texts, by size; what is missing last, in either direction.
int compare(const Value& a, const Value& b) {
  if (const auto* x = std::get_if<double>(&a))
    if (const auto* y = std::get_if<double>(&b)) return *x < *y ? -1 : *y < *x ? 1 : 0;
  if (a.index() == b.index()) return a < b ? -1 : b < a ? 1 : 0;
  return a.index() < b.index() ? -1 : 1;
}

bool missing(const Value& value) { return std::holds_alternative<std::monostate>(value); }

struct SortColumn {
  bool descending = false;
  std::vector<Value> values;  // by trial
};

Result<SortColumn> sort_column(const sqlite::Database& db, const TrialTable& table,
                               std::string_view name) {
  SortColumn column;
  column.descending = name.starts_with('-');
  if (column.descending) name.remove_prefix(1);
  if (table.knows(name)) {
    for (std::size_t t = 0; t < table.trials.size(); ++t) {
      const auto json = table.value(t, name);
      Value& value = column.values.emplace_back();
      if (json) value = value_from_json(*json);
    }
    return column;
  }
  VLSWEEP_TRY(std::vector<std::string> known, known_metrics(db));
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    const std::vector<std::string> names = table.names();
    known.insert(known.begin(), names.begin(), names.end());
    return fail(Errc::invalid, "sort: " + unknown_name("parameter or metric", name, known));
  }
  VLSWEEP_TRY(const std::vector<MetricCell> cells, load_metric(db, table, name));
  for (const MetricCell& cell : cells) {
    Value& value = column.values.emplace_back();
    if (cell.value) value = *cell.value;
  }
  return column;
}

Result<> sort_trials(const sqlite::Database& db, const TrialTable& table,
                     const std::vector<std::string>& sort, std::vector<std::uint32_t>& trials) {
  if (sort.size() > 16) return fail(Errc::invalid, "sort: at most 16 columns");
  std::vector<SortColumn> columns;
  for (const std::string& name : sort) {
    VLSWEEP_TRY(columns.emplace_back(), sort_column(db, table, name));
  }
  std::stable_sort(trials.begin(), trials.end(), [&](std::uint32_t a, std::uint32_t b) {
    for (const SortColumn& column : columns) {
      const Value& x = column.values[a];
      const Value& y = column.values[b];
      if (missing(x) != missing(y)) return missing(y);
      const int order = column.descending ? compare(y, x) : compare(x, y);
      if (order != 0) return order < 0;
    }
    return false;
  });
  return {};
}

// What one trial's path says, beyond the trial table.
Result<> add_path(sqlite::Statement& rows, TrialRow& row) {
  VLSWEEP_CHECK_OK(rows.bind_all(row.trial));
  for (;;) {
    VLSWEEP_TRY(const bool more, rows.step());
    if (!more) return {};
    ++row.num_stages;
    const std::string state = rows.text(0);
    if (state == "done") ++row.stages_done;
    if (state == "failed" && row.message.empty()) row.message = rows.text(1) + ": " + rows.text(2);
    if (!rows.is_null(3)) row.started = std::min(row.started.value_or(rows.real(3)), rows.real(3));
    if (!rows.is_null(4)) row.ended = std::max(row.ended.value_or(rows.real(4)), rows.real(4));
  }
}

Result<> add_metrics(sqlite::Statement& rows, TrialRow& row) {
  VLSWEEP_CHECK_OK(rows.bind_all(row.trial));
  for (;;) {
    VLSWEEP_TRY(const bool more, rows.step());
    if (!more) return {};
    const std::string prefix = rows.text(0).empty() ? rows.text(1) : rows.text(0);
    row.metrics.push_back(
        {prefix + "." + rows.text(2), rows.real(3), rows.integer(4), rows.integer(5)});
  }
}

TrialRow plain_row(const TrialTable& table, std::uint32_t trial) {
  const TrialTable::Trial& of = table.trials[trial];
  TrialRow row;
  row.trial = trial;
  row.id = of.id;
  row.cell = of.cell;
  row.seed = of.seed;
  row.state = of.state;
  for (std::size_t p = 0; p < table.parameters.size(); ++p)
    if (of.parameters[p]) row.parameters.emplace_back(table.parameters[p], *of.parameters[p]);
  return row;
}

}  // namespace

Result<TrialPage> RunReader::trials(const TrialQuery& query) {
  VLSWEEP_TRY(sqlite::Database* const db, database());
  VLSWEEP_TRY(const sqlite::Transaction moment,
              sqlite::Transaction::begin(*db, sqlite::Transaction::Kind::read));
  VLSWEEP_TRY(const TrialTable table, TrialTable::load(*db));
  VLSWEEP_TRY(const TrialFilter filter, TrialFilter::compile(*db, table, query.where));
  VLSWEEP_TRY(std::vector<std::uint32_t> trials, filter.passing());
  VLSWEEP_CHECK_OK(sort_trials(*db, table, query.sort, trials));
  TrialPage page;
  page.total = trials.size();
  VLSWEEP_TRY(sqlite::Statement path,
              db->prepare("SELECT state, name, message, started, ended FROM trial_stages "
                          "JOIN stages USING (stage) WHERE trial = ? ORDER BY stage"));
  VLSWEEP_TRY(sqlite::Statement metrics,
              db->prepare("SELECT suite, role, name, value, k, n FROM trial_stages "
                          "JOIN metrics USING (stage) WHERE trial = ? ORDER BY stage, name"));
  const std::uint64_t begin = std::min<std::uint64_t>(query.offset, trials.size());
  const std::uint64_t end = begin + std::min<std::uint64_t>(query.limit, trials.size() - begin);
  for (std::uint64_t i = begin; i < end; ++i) {
    TrialRow row = plain_row(table, trials[i]);
    VLSWEEP_CHECK_OK(add_path(path, row));
    VLSWEEP_CHECK_OK(add_metrics(metrics, row));
    page.rows.push_back(std::move(row));
  }
  return page;
}

}  // namespace vlsweep
