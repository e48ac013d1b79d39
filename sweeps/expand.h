// Expansion: from the parameters of a sweep to its configurations, in the order include/zip/when ->
// derive -> exclude -> seeds, with the number that is left after each step.
//
// Free functions on plain values: safe from any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/protocol/plan.h"
#include "sweeps/sweep.h"

namespace vlsweep {

inline constexpr std::uint64_t kMaxTrials = 1'000'000;

// The names that configurations have values for: parameters, then names of `include` alone, then
// derived ones.
class Columns {
 public:
  explicit Columns(const Sweep& sweep);

  struct Column {
    std::string name;     // as written
    std::string setting;  // long name
  };
  const std::vector<Column>& all() const { return columns_; }
  // By any of its names; nullopt if the sweep does not set it.
  std::optional<std::size_t> find(std::string_view name) const;

 private:
  void add(const std::string& name, const std::string& setting);
  std::vector<Column> columns_;
  std::map<std::string, std::size_t, std::less<>> by_setting_;
};

// One value per column; null where the configuration takes none.
using Configuration = std::vector<Value>;

struct Expansion {
  Columns columns;
  std::vector<Configuration> configurations;  // unique
  std::vector<ExpansionCount> counts;         // the last one, "seeds", is the number of trials
};

// Too many trials, a formula that gives an impossible value, nothing left: complaints.
Expansion expand(const Sweep& sweep, Complaints& complaints);

// The parameters' indices so that each comes after those its `when` and its `zip` look at; nullopt
// if they go round in a circle.
std::optional<std::vector<std::size_t>> order_by_dependency(
    const std::vector<Parameter>& parameters);

// A name's value in a configuration; else of a constant under `tune`; else nullopt.
std::optional<Value> value_of(const Sweep& sweep, const Columns& columns,
                              const Configuration& configuration, std::string_view name);

}  // namespace vlsweep
