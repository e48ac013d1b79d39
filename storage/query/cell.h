// One cell of an ablation table from the numbers of its trials.
//
// Free function, safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "storage/query/query.h"
#include "storage/trial_table.h"

namespace vlsweep {

// Fills value, interval, n, trials and why of a cell whose trials are `trials` (at least one).
void aggregate(const TrialTable& table, const std::vector<MetricCell>& numbers,
               const std::vector<std::uint32_t>& trials, double confidence, Cell& cell);

}  // namespace vlsweep
