// What `plan` and `validate` print: the expansion step by step, what is shared, and an estimate of
// time.
//
// Free functions: safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/protocol/plan.h"
#include "sweeps/sweep.h"

namespace vlsweep {

// For people. `ranks` is the number of workers that the time is estimated for; `stages` lists them
// all.
std::string plan_report(const Plan& plan, const Sweep& sweep, std::uint32_t ranks,
                        bool stages = false);
// The same as one JSON object: name, counts, trials, cells, seeds, stages, stages_by_kind,
// stages_without_sharing, equal_trials, saved, cost_s, cost_without_sharing_s, time_s, ranks,
// notes.
std::string plan_report_json(const Plan& plan, const Sweep& sweep, std::uint32_t ranks);

// One line for a sweep without complaints: what it holds, then a line for each note.
std::string validate_report(const Sweep& sweep);
// One line for each complaint and the number of them at the end.
std::string complaints_report(const std::vector<Error>& complaints);

// Seconds that the stages take on so many ranks, the longest path first, by their estimated costs.
double estimate_makespan(const Plan& plan, std::uint32_t ranks);

}  // namespace vlsweep
