// Trials grouped into the rows and columns of a table.
//
// Plain values of one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "storage/trial_table.h"

namespace vlsweep {

using GroupKey = std::vector<std::string>;  // JSON texts; "null": the parameter does not apply

// The values of `names` that a trial has.
GroupKey group_key(const TrialTable& table, std::size_t trial,
                   const std::vector<std::string>& names);

// The keys that occur among `trials`, sorted part by part: null first, numbers ascending, words in
// the order of their first appearance in the plan (so as the YAML lists them).
std::vector<GroupKey> group_keys(const TrialTable& table, const std::vector<std::uint32_t>& trials,
                                 const std::vector<std::string>& names);

// The parameters that take several values inside a group of `names`: what a cell would average
// over.
std::vector<std::string> varying_within(const TrialTable& table,
                                        const std::vector<std::uint32_t>& trials,
                                        const std::vector<std::string>& names);

}  // namespace vlsweep
