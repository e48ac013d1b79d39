// `tune`: constants of the recipe, at their addresses.
#include <algorithm>

#include "sweeps/load.h"

namespace vlsweep {
namespace {

constexpr std::size_t kMaxScopes = 3;

bool is_scope(const std::string& name) {
  return name == "vision_language" || name == "safety" || name == "lora" || name == "pretrain";
}

void load_scope(const Node& node, const std::string& scope, std::size_t depth,
                LoadContext& context) {
  const std::string what = scope.empty() ? "tune" : "tune." + scope;
  MapReader reader(node, what, context.complaints);
  for (const Node::Member& member : node.members) {
    const std::string name = scope.empty() ? member.key : scope + "." + member.key;
    const Setting* setting = find_setting(name);
    if (is_scope(member.key) && depth < kMaxScopes) {
      load_scope(member.value, name, depth + 1, context);
    } else if (setting == nullptr) {
      context.complaints.add_unknown(member.at, "unknown key \"" + member.key + "\" in " + what,
                                     member.key, tune_names(scope));
    } else if (std::vector<std::string> keys = tune_names("");
               std::find(keys.begin(), keys.end(),
                         setting->name.substr(0, setting->name.find('.'))) == keys.end()) {
      context.complaints.add(member.at, member.key +
                                            " is of a trial, not of the recipe; move it to "
                                            "parameters");
    } else if (const auto value = read_setting(member.value, "tune." + name, *setting, context)) {
      const auto place = std::pair(*value, member.at);
      if (!context.sweep.tune.emplace(setting->name, place).second)
        context.complaints.add(member.at, "tune has " + setting->name +
                                              " twice, by its long and "
                                              "its short name; remove one");
    }
  }
}

}  // namespace

void load_tune(const Node& node, LoadContext& context) {
  load_scope(node, "", 0, context);
  for (const std::string scope : {"", "vision_language.", "safety."}) {
    const auto steps = context.sweep.tune.find(scope + "steps");
    if (steps != context.sweep.tune.end() && context.sweep.tune.count(scope + "epochs") != 0)
      context.complaints.add(steps->second.second,
                             "tune has both " + scope + "steps and " + scope + "epochs; keep one");
  }
}

}  // namespace vlsweep
