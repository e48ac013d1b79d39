// Where runs are: the folder of runs and the runs in it, as every verb names them.
#pragma once

#include <filesystem>
#include <string>

#include "orchestrator/base/result.h"
#include "orchestrator/protocol/plan.h"

namespace vlsweep {

// --dir, or $VLSWEEP_DIR, or "runs".
std::filesystem::path default_runs_folder();

// RUN as a person gives it: a path of a run folder, or the name of a run in `runs`. not_found names
// the runs that there are.
Result<std::filesystem::path> find_run(const std::string& run, const std::filesystem::path& runs);

// The store that a run's stages are in: D/.store beside it.
std::filesystem::path store_of(const std::filesystem::path& run_folder);

// RUN/plan.json.
Result<Plan> load_plan(const std::filesystem::path& run_folder);

}  // namespace vlsweep
