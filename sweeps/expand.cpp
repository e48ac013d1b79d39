#include "sweeps/expand.h"

#include <algorithm>
#include <functional>
#include <unordered_set>

namespace vlsweep {
namespace {

// a * b, or the largest number if that is more.
std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

std::string identity(const Configuration& configuration) {
  std::string text;
  for (const Value& value : configuration) text += value_to_json(value) + "\x1f";
  return text;
}

class Expander {
 public:
  Expander(const Sweep& sweep, Complaints& complaints)
      : sweep_(sweep), complaints_(complaints), result_{Columns(sweep), {}, {}} {}

  Expansion run() {
    if (!count_before_expanding()) return std::move(result_);
    grid();
    count("when");
    include();
    count("include");
    derive();
    count("derive");
    exclude();
    count("exclude");
    const std::uint64_t trials =
        saturating_product(result_.configurations.size(), sweep_.seeds.size());
    result_.counts.push_back({"seeds", trials});
    if (trials > kMaxTrials) complain_of_size("seeds", trials);
    if (trials == 0 && complaints_.empty())
      complaints_.add(sweep_.at,
                      "no configuration is left after include, when and exclude; loosen "
                      "one of them");
    return std::move(result_);
  }

 private:
  void count(const char* step) { result_.counts.push_back({step, result_.configurations.size()}); }
  void complain_of_size(const char* step, std::uint64_t size) {
    const std::string number = size == UINT64_MAX ? "more than 2^64" : std::to_string(size);
    complaints_.add(sweep_.at, "the sweep has " + number + " configurations after " + step +
                                   "; expected at most " + std::to_string(kMaxTrials) +
                                   ": use fewer values, or zip");
  }

  bool count_before_expanding() {
    std::uint64_t all = sweep_.parameters.empty() ? 0 : 1;
    std::uint64_t zipped = all;
    for (const Parameter& parameter : sweep_.parameters) {
      all = saturating_product(all, parameter.values.size());
      if (!parameter.zip) zipped = saturating_product(zipped, parameter.values.size());
    }
    result_.counts = {{"grid", all}, {"zip", zipped}};
    if (zipped > kMaxTrials) complain_of_size("zip", zipped);
    return zipped <= kMaxTrials;
  }

  void add(Configuration configuration) {
    if (seen_.insert(identity(configuration)).second)
      result_.configurations.push_back(std::move(configuration));
  }

  std::optional<Value> lookup(const Configuration& configuration, std::string_view name) const {
    return value_of(sweep_, result_.columns, configuration, name);
  }

  // False, with one complaint per expression, if it does not evaluate.
  bool holds(const Expression& condition, Position at, const Configuration& configuration) {
    const Result<bool> holds =
        condition.holds([&](std::string_view name) { return lookup(configuration, name); });
    if (holds) return *holds;
    complaints_.add(at, "in the condition, " + holds.error().text());
    return false;
  }

  // Every combination, the first parameter slowest.
  void grid() {
    const auto& parameters = sweep_.parameters;
    const auto order = order_by_dependency(parameters);
    if (parameters.empty() || !order) return;
    std::vector<std::size_t> at(parameters.size(), 0);
    bool more = true;
    while (more && complaints_.empty()) {
      Configuration configuration(result_.columns.all().size());
      for (std::size_t i = 0; i < parameters.size(); ++i)
        configuration[i] = parameters[i].values[at[parameters[i].zip.value_or(i)]];
      apply_conditions(*order, configuration);
      add(std::move(configuration));
      more = advance(at);
    }
  }
  bool advance(std::vector<std::size_t>& at) const {
    for (std::size_t i = at.size(); i-- > 0;) {
      if (sweep_.parameters[i].zip) continue;
      if (++at[i] < sweep_.parameters[i].values.size()) return true;
      at[i] = 0;
    }
    return false;
  }
  void apply_conditions(const std::vector<std::size_t>& order, Configuration& configuration) {
    for (const std::size_t i : order) {
      const Parameter& parameter = sweep_.parameters[i];
      const bool leader_absent =
          parameter.zip && std::holds_alternative<std::monostate>(configuration[*parameter.zip]);
      if (leader_absent ||
          (parameter.when && !holds(*parameter.when, parameter.when_at, configuration)))
        configuration[i] = std::monostate();
    }
  }

  // A whole configuration: what it says, and the constants of `parameters`.
  void include() {
    const auto order = order_by_dependency(sweep_.parameters);
    for (const Assignments& included : sweep_.includes) {
      Configuration configuration(result_.columns.all().size());
      for (const auto& [name, values] : included.values)
        configuration[*result_.columns.find(name)] = values.front();
      for (const std::size_t i : order.value_or(std::vector<std::size_t>())) {
        const Parameter& parameter = sweep_.parameters[i];
        if (!parameter.is_constant || parameter.values.empty() ||
            !std::holds_alternative<std::monostate>(configuration[i]))
          continue;
        configuration[i] = parameter.values.front();
      }
      add(std::move(configuration));
    }
  }

  void derive() {
    if (sweep_.derived.empty()) return;
    std::vector<Configuration> before = std::move(result_.configurations);
    result_.configurations.clear();
    seen_.clear();
    for (Configuration& configuration : before) {
      for (const DerivedParameter& derived : sweep_.derived)
        if (!derive_one(derived, configuration)) return;
      add(std::move(configuration));
    }
  }
  bool derive_one(const DerivedParameter& derived, Configuration& configuration) {
    const Result<Value> value = derived.formula.evaluate(
        [&](std::string_view name) { return lookup(configuration, name); });
    if (!value) {
      complaints_.add(derived.at, "derive." + derived.name + ", " + value.error().text());
      return false;
    }
    configuration[*result_.columns.find(derived.name)] = *value;
    if (std::holds_alternative<std::monostate>(*value)) return true;
    const std::string wrong = misfit(*find_setting(derived.setting), *value);
    if (wrong.empty()) return true;
    complaints_.add(derived.at,
                    "derive." + derived.name + " gives " + value_to_text(*value) + "; " + wrong);
    return false;
  }

  void exclude() {
    if (sweep_.excludes.empty()) return;
    std::erase_if(result_.configurations, [&](const Configuration& configuration) {
      return std::any_of(sweep_.excludes.begin(), sweep_.excludes.end(),
                         [&](const Exclusion& rule) { return matches(rule, configuration); });
    });
  }
  bool matches(const Exclusion& rule, const Configuration& configuration) {
    if (const auto* condition = std::get_if<std::pair<Position, Expression>>(&rule))
      return holds(condition->second, condition->first, configuration);
    const Assignments& pattern = std::get<Assignments>(rule);
    return std::all_of(pattern.values.begin(), pattern.values.end(), [&](const auto& named) {
      const Value& value = configuration[*result_.columns.find(named.first)];
      return std::find(named.second.begin(), named.second.end(), value) != named.second.end();
    });
  }

  const Sweep& sweep_;
  Complaints& complaints_;
  Expansion result_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

Columns::Columns(const Sweep& sweep) {
  for (const Parameter& parameter : sweep.parameters) add(parameter.name, parameter.setting);
  for (const Assignments& included : sweep.includes)
    for (const auto& [name, values] : included.values) add(name, find_setting(name)->name);
  for (const DerivedParameter& derived : sweep.derived) add(derived.name, derived.setting);
}

void Columns::add(const std::string& name, const std::string& setting) {
  if (by_setting_.emplace(setting, columns_.size()).second) columns_.push_back({name, setting});
}

std::optional<std::size_t> Columns::find(std::string_view name) const {
  const Setting* setting = find_setting(name);
  if (setting == nullptr) return std::nullopt;
  const auto found = by_setting_.find(setting->name);
  return found == by_setting_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Value> value_of(const Sweep& sweep, const Columns& columns,
                              const Configuration& configuration, std::string_view name) {
  if (const auto column = columns.find(name)) return configuration[*column];
  const Setting* setting = find_setting(name);
  if (setting == nullptr) return std::nullopt;
  const auto constant = sweep.tune.find(setting->name);
  return constant == sweep.tune.end() ? std::nullopt : std::optional(constant->second.first);
}

std::optional<std::vector<std::size_t>> order_by_dependency(
    const std::vector<Parameter>& parameters) {
  enum class State { unseen, open, done };
  std::vector<State> states(parameters.size(), State::unseen);
  std::vector<std::size_t> order;
  const auto index_of = [&](std::string_view name) -> std::optional<std::size_t> {
    const Setting* setting = find_setting(name);
    for (std::size_t i = 0; setting != nullptr && i < parameters.size(); ++i)
      if (parameters[i].setting == setting->name) return i;
    return std::nullopt;
  };
  std::function<bool(std::size_t)> visit = [&](std::size_t i) {
    if (states[i] != State::unseen) return states[i] == State::done;
    states[i] = State::open;
    if (parameters[i].zip && !visit(*parameters[i].zip)) return false;
    if (parameters[i].when)
      for (const Expression::Name& name : parameters[i].when->names())
        if (const auto other = index_of(name.name); other && !visit(*other)) return false;
    states[i] = State::done;
    order.push_back(i);
    return true;
  };
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (!visit(i)) return std::nullopt;
  return order;
}

Expansion expand(const Sweep& sweep, Complaints& complaints) {
  return Expander(sweep, complaints).run();
}

}  // namespace vlsweep
