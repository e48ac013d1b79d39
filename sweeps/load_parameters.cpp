// `parameters`: names, values, `when` and `zip`.
#include <algorithm>

#include "sweeps/load.h"

namespace vlsweep {
namespace {

// The setting of a name under `parameters`, `include` and the like, or a complaint.
const Setting* known_setting(const Node::Member& member, LoadContext& context) {
  const Setting* setting = find_setting(member.key);
  if (setting != nullptr) return setting;
  if (member.key == "seed")
    context.complaints.add(member.at, "seed is no parameter; list the seeds under the key seeds");
  else
    context.complaints.add_unknown(member.at, "unknown parameter \"" + member.key + "\"",
                                   member.key, parameter_names());
  return nullptr;
}

void add_value(const Node& node, const Setting& setting, Parameter& parameter,
               LoadContext& context) {
  const auto value = read_setting(node, parameter.name, setting, context);
  if (!value) return;
  parameter.values.push_back(*value);
  parameter.value_at.push_back(node.at);
}

void add_values(const Node& list, const Setting& setting, Parameter& parameter,
                LoadContext& context) {
  if (!check_list(list, parameter.name, "values", context.complaints)) return;
  for (const Node& item : list.items) add_value(item, setting, parameter, context);
}

// {values: [..], when: "..", zip: other} or {value: x, when: ".."}
void load_map(const Node& node, const Setting& setting, Parameter& parameter,
              LoadContext& context) {
  MapReader reader(node, parameter.name, context.complaints);
  if (const Node::Member* zip = reader.take("zip")) {
    parameter.zip_at = zip->value.at;
    parameter.zip = 0;  // resolved when all parameters are known
    parameter.zip_name =
        read_text(zip->value, parameter.name + ".zip", context.complaints).value_or("");
  }
  if (const Node::Member* when = reader.take("when")) {
    parameter.when_at = when->value.at;
    parameter.when = read_expression(when->value, parameter.name + ".when", context.complaints);
  }
  const Node::Member* values = reader.take("values");
  const Node::Member* value = reader.take("value");
  if ((values == nullptr) == (value == nullptr))
    context.complaints.add(node.at,
                           parameter.name + " needs values: [..] or value: .., one of them");
  else if (values != nullptr)
    add_values(values->value, setting, parameter, context);
  else
    add_value(value->value, setting, parameter, context);
  reader.finish();
}

void load_parameter(const Node::Member& member, LoadContext& context) {
  const Setting* setting = known_setting(member, context);
  if (setting == nullptr) return;
  Parameter parameter;
  parameter.name = member.key;
  parameter.setting = setting->name;
  parameter.at = member.at;
  for (const Parameter& other : context.sweep.parameters)
    if (other.setting == parameter.setting)
      context.complaints.add(member.at, member.key + " and " + other.name +
                                            " are one and the same parameter; remove one");
  if (member.value.kind == Node::Kind::list) {
    add_values(member.value, *setting, parameter, context);
  } else if (member.value.kind == Node::Kind::map) {
    load_map(member.value, *setting, parameter, context);
  } else {
    parameter.is_constant = true;
    add_value(member.value, *setting, parameter, context);
  }
  context.sweep.parameters.push_back(std::move(parameter));
}

Assignments load_assignments(const Node& node, const std::string& what, bool several,
                             LoadContext& context) {
  Assignments assignments;
  assignments.at = node.at;
  MapReader reader(node, what, context.complaints);
  if (reader.is_map() && node.members.empty())
    context.complaints.add(node.at, what + " is empty; expected names and values");
  for (const Node::Member& member : node.members) {
    const Setting* setting = known_setting(member, context);
    if (setting == nullptr) continue;
    std::vector<Value> values;
    const bool is_list = several && member.value.kind == Node::Kind::list;
    if (is_list && !check_list(member.value, member.key, "values", context.complaints)) continue;
    for (const Node& item : is_list ? member.value.items : std::vector<Node>{member.value})
      if (const auto value = read_setting(item, member.key, *setting, context))
        values.push_back(*value);
    if (!values.empty()) assignments.values.emplace_back(member.key, std::move(values));
  }
  return assignments;
}

}  // namespace

std::optional<Value> read_setting(const Node& node, const std::string& what, const Setting& setting,
                                  LoadContext& context) {
  if (!node.is_scalar() || node.kind == Node::Kind::null) {
    context.complaints.add(node.at, what + " is " + shown(node) + "; expected a single value");
    return std::nullopt;
  }
  const bool is_text = setting.kind == Setting::Kind::text || setting.kind == Setting::Kind::choice;
  const Value value = is_text ? Value(node.text) : scalar_value(node);
  if (setting.kind == Setting::Kind::choice) {
    if (!read_choice(node, what, setting.choices, context.complaints)) return std::nullopt;
  } else if (const std::string wrong = misfit(setting, value); !wrong.empty()) {
    context.complaints.add(node.at, what + " is " + shown(node) + "; " + wrong);
    return std::nullopt;
  }
  if (setting.name != "model") return value;
  std::vector<std::string> models;
  for (const ModelSource& model : context.sweep.models) models.push_back(model.name);
  if (!models.empty() && !read_choice(node, what, models, context.complaints)) return std::nullopt;
  return value;
}

void load_parameters(const Node& node, LoadContext& context) {
  MapReader reader(node, "parameters", context.complaints);
  context.sweep.at = node.at;
  for (const Node::Member& member : node.members) load_parameter(member, context);
}

void load_zip(const Node& node, LoadContext& context) {
  if (!check_list(node, "zip", "lists of names, such as [[tuning, lr]]", context.complaints))
    return;
  for (const Node& group : node.items) {
    if (!check_list(group, "a zip", "names, such as [tuning, lr]", context.complaints)) continue;
    for (std::size_t i = 1; i < group.items.size(); ++i) {
      auto& parameters = context.sweep.parameters;
      const auto found = std::find_if(
          parameters.begin(), parameters.end(),
          [&](const Parameter& parameter) { return parameter.name == group.items[i].text; });
      if (found == parameters.end()) {
        context.complaints.add(group.items[i].at, "zip names " + shown(group.items[i]) +
                                                      ", which is no parameter of "
                                                      "this sweep");
        continue;
      }
      found->zip = 0;
      found->zip_at = group.items[0].at;
      found->zip_name = group.items[0].text;
    }
  }
}

void load_include(const Node& node, LoadContext& context) {
  if (!check_list(node, "include", "configurations, such as [{mode: untuned}]", context.complaints))
    return;
  for (const Node& item : node.items)
    context.sweep.includes.push_back(
        load_assignments(item, "an included configuration", false, context));
}

void load_exclude(const Node& node, LoadContext& context) {
  if (!check_list(node, "exclude", "patterns, such as [{mode: none}], or conditions",
                  context.complaints))
    return;
  for (const Node& item : node.items) {
    if (item.kind == Node::Kind::map) {
      context.sweep.excludes.emplace_back(load_assignments(item, "an exclude", true, context));
    } else if (auto condition = read_expression(item, "exclude", context.complaints)) {
      context.sweep.excludes.emplace_back(std::pair(item.at, std::move(*condition)));
    }
  }
}

void load_derive(const Node& node, LoadContext& context) {
  MapReader reader(node, "derive", context.complaints);
  for (const Node::Member& member : node.members) {
    const Setting* setting = known_setting(member, context);
    auto formula = read_expression(member.value, "derive." + member.key, context.complaints);
    if (setting == nullptr || !formula) continue;
    context.sweep.derived.push_back(
        {member.key, setting->name, member.value.at, std::move(*formula)});
  }
}

}  // namespace vlsweep
