// What concerns parameters together: who follows whom, which names an expression may use.
#include <algorithm>

#include "sweeps/expand.h"
#include "sweeps/load.h"

namespace vlsweep {
namespace {

const Parameter* find_parameter(const Sweep& sweep, std::string_view name) {
  const Setting* setting = find_setting(name);
  for (const Parameter& parameter : sweep.parameters)
    if (setting != nullptr && parameter.setting == setting->name) return &parameter;
  return nullptr;
}

std::vector<std::string> names_of(const Sweep& sweep) {
  const Columns columns(sweep);
  std::vector<std::string> names;
  for (const Columns::Column& column : columns.all()) names.push_back(column.name);
  return names;
}

class ParameterCheck {
 public:
  explicit ParameterCheck(LoadContext& context)
      : sweep_(context.sweep), complaints_(context.complaints), columns_(context.sweep) {}

  void run() {
    for (std::size_t i = 0; i < sweep_.parameters.size(); ++i) resolve_zip(i);
    for (std::size_t i = 0; i < sweep_.parameters.size(); ++i) follow_to_the_end(i);
    for (const Parameter& parameter : sweep_.parameters) {
      check_repeats(parameter);
      check_tune(parameter);
      if (parameter.when) check_when(parameter);
    }
    if (complaints_.empty() && !order_by_dependency(sweep_.parameters))
      complaints_.add(sweep_.at,
                      "the conditions (when) and zips of the parameters go round in a "
                      "circle; let each look at parameters that do not look back");
    check_derived();
    check_excludes();
  }

 private:
  void resolve_zip(std::size_t index) {
    Parameter& parameter = sweep_.parameters[index];
    if (!parameter.zip) return;
    const Parameter* leader = find_parameter(sweep_, parameter.zip_name);
    if (leader == nullptr || leader == &parameter) {
      complaints_.add_unknown(parameter.zip_at,
                              parameter.name + " is zipped with \"" + parameter.zip_name +
                                  "\", which is no other parameter of this "
                                  "sweep",
                              parameter.zip_name, names_of(sweep_));
      parameter.zip.reset();
      return;
    }
    parameter.zip = static_cast<std::size_t>(leader - sweep_.parameters.data());
    if (leader->values.size() != parameter.values.size())
      complaints_.add(parameter.zip_at, "the values of " + parameter.name + " (" +
                                            std::to_string(parameter.values.size()) + ") and of " +
                                            leader->name + " (" +
                                            std::to_string(leader->values.size()) +
                                            ") are zipped; expected as many of both");
  }

  // A follower of a follower follows the one in front.
  void follow_to_the_end(std::size_t index) {
    Parameter& parameter = sweep_.parameters[index];
    for (std::size_t steps = 0; parameter.zip; ++steps) {
      const auto next = sweep_.parameters[*parameter.zip].zip;
      if (!next) return;
      if (steps > sweep_.parameters.size()) {
        complaints_.add(parameter.zip_at, "the zip of " + parameter.name + " leads back to itself");
        parameter.zip.reset();
        return;
      }
      parameter.zip = next;
    }
  }

  void check_repeats(const Parameter& parameter) {
    const std::size_t index = static_cast<std::size_t>(&parameter - sweep_.parameters.data());
    const bool is_zipped =
        parameter.zip || std::any_of(sweep_.parameters.begin(), sweep_.parameters.end(),
                                     [&](const Parameter& other) { return other.zip == index; });
    for (std::size_t i = 1; i < parameter.values.size() && !is_zipped; ++i) {
      const auto end = parameter.values.begin() + static_cast<std::ptrdiff_t>(i);
      if (std::find(parameter.values.begin(), end, parameter.values[i]) != end)
        complaints_.add(parameter.value_at[i], parameter.name + " has the value " +
                                                   value_to_text(parameter.values[i]) +
                                                   " twice; remove one");
    }
  }

  void check_tune(const Parameter& parameter) {
    const auto constant = sweep_.tune.find(parameter.setting);
    if (constant == sweep_.tune.end() || parameter.when || parameter.zip) return;
    complaints_.add(constant->second.second, parameter.name +
                                                 " is set here and under parameters, "
                                                 "which always wins; remove one");
  }

  void check_when(const Parameter& parameter) {
    for (const Expression::Name& name : parameter.when->names()) {
      const std::string what = parameter.name + ".when";
      const bool is_parameter = find_parameter(sweep_, name.name) != nullptr;
      if (find_parameter(sweep_, name.name) == &parameter)
        complaints_.add(parameter.when_at, what + " looks at the parameter itself");
      else if (!is_parameter && columns_.find(name.name) && !name.may_be_text)
        complaints_.add(parameter.when_at, what + " looks at \"" + name.name +
                                               "\", which is not there yet: conditions come before "
                                               "include and derive");
      else
        check_name(name, what, parameter.when_at);
    }
  }

  bool is_known(std::string_view name) const {
    const Setting* setting = find_setting(name);
    return columns_.find(name) || (setting != nullptr && sweep_.tune.count(setting->name) != 0);
  }

  void check_name(const Expression::Name& name, const std::string& what, Position at) {
    if (is_known(name.name)) return;
    if (!name.may_be_text)
      complaints_.add_unknown(at,
                              what + " names \"" + name.name + "\" (column " +
                                  std::to_string(name.column) + "), which this sweep does not set",
                              name.name, names_of(sweep_));
    else
      check_word(name, what, at);
  }

  // A bare word that is compared with a parameter of known values must be one of them, or else a
  // misspelt word would silently compare unequal.
  void check_word(const Expression::Name& word, const std::string& what, Position at) {
    const Setting* setting = find_setting(word.compared_with);
    if (setting == nullptr) return;
    std::vector<std::string> choices = setting->choices;
    if (setting->name == "model")
      for (const ModelSource& model : sweep_.models) choices.push_back(model.name);
    if (choices.empty() || std::find(choices.begin(), choices.end(), word.name) != choices.end())
      return;
    complaints_.add_unknown(
        at,
        what + " compares " + word.compared_with + " with \"" + word.name + "\", which it never is",
        word.name, choices);
  }

  void check_derived() {
    std::vector<std::string> before;  // long names, in the order in which they are derived
    for (const DerivedParameter& derived : sweep_.derived) {
      const std::string what = "derive." + derived.name;
      if (find_parameter(sweep_, derived.name) != nullptr || is_included(derived.setting))
        complaints_.add(derived.at, what + " is a parameter already; remove one of the two");
      if (std::find(before.begin(), before.end(), derived.setting) != before.end())
        complaints_.add(derived.at, what + " is derived twice");
      before.push_back(derived.setting);
      for (const Expression::Name& name : derived.formula.names()) {
        const Setting* setting = find_setting(name.name);
        if (setting != nullptr && setting->name == derived.setting)
          complaints_.add(derived.at, what + " is computed from itself");
        else if (setting != nullptr && is_derived(setting->name) &&
                 std::find(before.begin(), before.end(), setting->name) == before.end())
          complaints_.add(derived.at, what + " uses " + name.name +
                                          ", which is derived after it; "
                                          "put " +
                                          name.name + " first");
        else
          check_name(name, what, derived.at);
      }
    }
  }
  bool is_derived(const std::string& setting) const {
    return std::any_of(sweep_.derived.begin(), sweep_.derived.end(),
                       [&](const DerivedParameter& other) { return other.setting == setting; });
  }
  bool is_included(const std::string& setting) const {
    for (const Assignments& included : sweep_.includes)
      for (const auto& [name, values] : included.values)
        if (find_setting(name)->name == setting) return true;
    return false;
  }

  void check_excludes() {
    for (const Exclusion& rule : sweep_.excludes) {
      if (const auto* condition = std::get_if<std::pair<Position, Expression>>(&rule)) {
        for (const Expression::Name& name : condition->second.names())
          check_name(name, "exclude", condition->first);
        continue;
      }
      const Assignments& pattern = std::get<Assignments>(rule);
      for (const auto& [name, values] : pattern.values)
        if (!columns_.find(name))
          complaints_.add_unknown(pattern.at,
                                  "exclude names \"" + name + "\", which this sweep does not set",
                                  name, names_of(sweep_));
    }
  }

  Sweep& sweep_;
  Complaints& complaints_;
  Columns columns_;
};

}  // namespace

void check_parameters(LoadContext& context) { ParameterCheck(context).run(); }

}  // namespace vlsweep
