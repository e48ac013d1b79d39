#include "storage/trial_table.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace vlsweep {
namespace {

constexpr const char* kBuiltIn[] = {"seed", "cell", "trial", "state"};

// The parameters' names by their smallest position in any trial.
Result<std::vector<std::string>> parameter_names(const sqlite::Database& db) {
  VLSWEEP_TRY(sqlite::Statement rows, db.prepare("SELECT name, min(position) FROM parameters "
                                                 "GROUP BY name ORDER BY 2, min(trial), 1"));
  std::vector<std::string> names;
  for (;;) {
    VLSWEEP_TRY(const bool row, rows.step());
    if (!row) return names;
    names.push_back(rows.text(0));
  }
}

Result<std::vector<TrialTable::Trial>> load_trials(const sqlite::Database& db,
                                                   std::size_t num_parameters) {
  VLSWEEP_TRY(sqlite::Statement rows,
              db.prepare("SELECT trial, id, cell, seed, state FROM trials ORDER BY trial"));
  std::vector<TrialTable::Trial> trials;
  for (;;) {
    VLSWEEP_TRY(const bool row, rows.step());
    if (!row) return trials;
    if (rows.integer(0) != static_cast<std::int64_t>(trials.size()))
      return fail(Errc::corrupt, "a trial is missing", db.path().string());
    trials.push_back({rows.text(1),
                      static_cast<std::uint32_t>(rows.integer(2)),
                      rows.integer(3),
                      rows.text(4),
                      {}});
    trials.back().parameters.resize(num_parameters);
  }
}

}  // namespace

Result<TrialTable> TrialTable::load(const sqlite::Database& db) {
  TrialTable table;
  VLSWEEP_TRY(table.parameters, parameter_names(db));
  VLSWEEP_TRY(table.trials, load_trials(db, table.parameters.size()));
  std::map<std::string, std::size_t, std::less<>> index;
  for (std::size_t p = 0; p < table.parameters.size(); ++p) index[table.parameters[p]] = p;
  VLSWEEP_TRY(sqlite::Statement rows, db.prepare("SELECT trial, name, value FROM parameters"));
  for (;;) {
    VLSWEEP_TRY(const bool row, rows.step());
    if (!row) return table;
    const auto trial = static_cast<std::size_t>(rows.integer(0));
    if (trial >= table.trials.size())
      return fail(Errc::corrupt, "a parameter belongs to no trial", db.path().string());
    // A parameter whose value is null does not apply, just as one that has no row.
    if (std::string value = rows.text(2); value != "null")
      table.trials[trial].parameters[index[rows.text(1)]] = std::move(value);
  }
}

std::optional<std::size_t> TrialTable::parameter(std::string_view name) const {
  const auto at = std::find(parameters.begin(), parameters.end(), name);
  if (at == parameters.end()) return std::nullopt;
  return static_cast<std::size_t>(at - parameters.begin());
}

std::optional<std::string> TrialTable::value(std::size_t trial, std::string_view name) const {
  const Trial& of = trials[trial];
  if (const auto p = parameter(name)) return of.parameters[*p];
  if (name == "seed") return std::to_string(of.seed);
  if (name == "cell") return std::to_string(of.cell);
  if (name == "trial") return nlohmann::json(of.id).dump();
  if (name == "state") return nlohmann::json(of.state).dump();
  return std::nullopt;
}

bool TrialTable::knows(std::string_view name) const {
  return parameter(name) ||
         std::find(std::begin(kBuiltIn), std::end(kBuiltIn), name) != std::end(kBuiltIn);
}

std::vector<std::string> TrialTable::names() const {
  std::vector<std::string> all = parameters;
  all.insert(all.end(), std::begin(kBuiltIn), std::end(kBuiltIn));
  return all;
}

Value value_from_json(const std::string& json) {
  const auto value = nlohmann::json::parse(json, nullptr, false);
  if (value.is_null()) return std::monostate();
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  return json;
}

}  // namespace vlsweep
