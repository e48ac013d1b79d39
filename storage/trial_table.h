// The trials of a run with their parameters, and metrics by name, as filters, sorting and ablation
// tables need them: read once from results.db, then plain vectors by trial.
//
// Values of one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/sqlite.h"
#include "sweeps/expression/expression.h"

namespace vlsweep {

struct TrialTable {
  struct Trial {
    std::string id;
    std::uint32_t cell = 0;
    std::int64_t seed = 0;
    std::string state;
    std::vector<std::optional<std::string>> parameters;  // JSON text by TrialTable::parameters
  };
  std::vector<std::string> parameters;  // in the order of the YAML
  std::vector<Trial> trials;            // in the plan's order

  static Result<TrialTable> load(const sqlite::Database& db);
  std::optional<std::size_t> parameter(std::string_view name) const;
  // A parameter, or `seed`, `cell`, `trial`, `state`, as JSON text; nullopt: it does not apply.
  std::optional<std::string> value(std::size_t trial, std::string_view name) const;
  bool knows(std::string_view name) const;
  std::vector<std::string> names() const;  // that value() takes
};

// One trial's number, or why there is none.
struct MetricCell {
  std::optional<double> value;
  std::int64_t k = 0, n = 0;  // a rate is k of n; a plain number has n = 0
  bool planned = false;       // the trial has a stage that measures it
  std::uint32_t stage = 0;    // that stage; trials that share it share one measurement
  std::string why;            // if there is no value: "waiting", "running: ...", "failed: ..."
};

// The metrics that can be asked for: SUITE.METRIC, ROLE.METRIC ("safety.loss"), tune.METRIC (of the
// last tuning), with those that no stage has measured yet but every judge will.
Result<std::vector<std::string>> known_metrics(const sqlite::Database& db);

// The cells by trial. A bare name ("loss") is that of the last tuning. invalid: an unknown name,
// with the nearest known ones.
Result<std::vector<MetricCell>> load_metric(const sqlite::Database& db, const TrialTable& table,
                                            std::string_view name);

// JSON text as a value of the expression language; a text that is not JSON stands for itself.
Value value_from_json(const std::string& json);

}  // namespace vlsweep
