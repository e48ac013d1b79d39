// Every name that `parameters` and `tune` know: its type and its range, its long and its short
// name.
//
// A setting's long name is an address: a field, under none or more of the scopes vision_language,
// safety (the two roles of a tune stage), lora and pretrain: `lr`, `safety.lr`, `safety.lora.lr`.
// The narrower address wins; see recipe.h for how an address is looked up. Short names are other
// spellings of some addresses: `posthoc_lr` is `safety.lr`.
//
// Constant tables: safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sweeps/expression/expression.h"

namespace vlsweep {

struct Setting {
  // names: several of `choices` in one text, "q_proj,v_proj".
  enum class Kind { choice, whole, number, boolean, text, names };
  std::string name;  // the long one
  Kind kind = Kind::number;
  double least = 0;
  double most = 0;
  std::vector<std::string> choices;
};

// The setting of a long or short name; null if there is none.
const Setting* find_setting(std::string_view name);

// Names for "did you mean": of parameters (all), or of the keys that may stand in `tune` under a
// scope ("", "safety", "safety.lora").
std::vector<std::string> parameter_names();
std::vector<std::string> tune_names(std::string_view scope);

// "q_proj, v_proj" as a list; commas and spaces stand between.
std::vector<std::string> split_names(std::string_view text);

// Why the value does not suit the setting ("expected a number from 0 to 1"), or empty.
std::string misfit(const Setting& setting, const Value& value);

}  // namespace vlsweep
