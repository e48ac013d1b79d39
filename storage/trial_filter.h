// A `where` expression over the trials of a run: parameters, metrics, seed, cell, trial, state.
//
// A value of one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "storage/trial_table.h"

namespace vlsweep {

class TrialFilter {
 public:
  // An empty text lets every trial pass. invalid: it does not parse, names something unknown, or
  // compares a parameter with a word that is no value of it; each with the nearest known names.
  static Result<TrialFilter> compile(const sqlite::Database& db, const TrialTable& table,
                                     const std::string& text);
  // The trials that pass, ascending.
  Result<std::vector<std::uint32_t>> passing() const;

 private:
  explicit TrialFilter(const TrialTable& table) : table_(&table) {}
  Result<> load_names(const sqlite::Database& db);
  Result<> check_word(const Expression::Name& name) const;
  std::optional<Value> lookup(std::size_t trial, std::string_view name) const;

  const TrialTable* table_;
  std::optional<Expression> expression_;
  std::map<std::string, std::vector<MetricCell>, std::less<>> metrics_;
};

}  // namespace vlsweep
