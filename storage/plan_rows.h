// The rows of results.db that come from the plan alone, and the state read back from its others.
//
// Free functions; the database belongs to the caller's thread.
#pragma once

#include <string>

#include "orchestrator/protocol/plan.h"
#include "storage/sqlite.h"
#include "storage/stage_states.h"

namespace vlsweep {

// What tells two plans apart: SHA-256 over everything that the database takes from a plan.
std::string plan_rows_digest(const Plan& plan);

// Fills sweeps, trials, parameters, stages, stage_parents and trial_stages of an empty database.
Result<> write_plan_rows(sqlite::Database& db, const Plan& plan, const std::string& digest);

// Where the stages stand according to the database.
Result<StageStates> read_stage_states(const sqlite::Database& db, const Plan& plan);

}  // namespace vlsweep
