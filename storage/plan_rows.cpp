#include "storage/plan_rows.h"

#include <unordered_map>

#include "orchestrator/base/file.h"
#include "orchestrator/protocol/wire.h"

namespace vlsweep {
namespace {

// How many trials share each stage, and the suite that it evaluates.
struct StageUse {
  std::uint32_t num_trials = 0;
  std::string suite;
};

std::vector<StageUse> stage_uses(const Plan& plan) {
  std::vector<StageUse> uses(plan.stages.size());
  for (const Trial& trial : plan.trials)
    for (const TrialStage& stage : trial.stages) {
      ++uses[stage.stage].num_trials;
      if (uses[stage.stage].suite.empty()) uses[stage.stage].suite = stage.suite;
    }
  return uses;
}

Result<> write_stages(sqlite::Database& db, const Plan& plan) {
  VLSWEEP_TRY(sqlite::Statement stage_row,
              db.prepare("INSERT INTO stages (stage, key, kind, name, suite, num_trials, cost_s, "
                         "state) VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting')"));
  VLSWEEP_TRY(sqlite::Statement parent_row,
              db.prepare("INSERT OR IGNORE INTO stage_parents (stage, parent) VALUES (?, ?)"));
  const std::vector<StageUse> uses = stage_uses(plan);
  for (std::uint32_t i = 0; i < plan.stages.size(); ++i) {
    const Stage& stage = plan.stages[i];
    VLSWEEP_CHECK_OK(stage_row.run(i, stage.key.hex(), stage_kind_name(stage.kind), stage.name,
                                   uses[i].suite, uses[i].num_trials, stage.cost_s));
    for (const std::uint32_t parent : stage.parents) VLSWEEP_CHECK_OK(parent_row.run(i, parent));
  }
  return {};
}

Result<> write_trials(sqlite::Database& db, const Plan& plan) {
  VLSWEEP_TRY(sqlite::Statement trial_row,
              db.prepare("INSERT INTO trials (trial, id, cell, seed, state) "
                         "VALUES (?, ?, ?, ?, ?)"));
  VLSWEEP_TRY(sqlite::Statement parameter_row,
              db.prepare("INSERT OR IGNORE INTO parameters (trial, name, value, position) "
                         "VALUES (?, ?, ?, ?)"));
  VLSWEEP_TRY(sqlite::Statement stage_row,
              db.prepare("INSERT OR IGNORE INTO trial_stages (trial, stage, role, suite) "
                         "VALUES (?, ?, ?, ?)"));
  for (std::uint32_t t = 0; t < plan.trials.size(); ++t) {
    const Trial& trial = plan.trials[t];
    VLSWEEP_CHECK_OK(trial_row.run(t, trial.id, trial.cell, trial.seed, "waiting"));
    std::uint32_t position = 0;
    for (const auto& [name, value] : trial.parameters)
      VLSWEEP_CHECK_OK(parameter_row.run(t, name, value, position++));
    for (const TrialStage& stage : trial.stages)
      VLSWEEP_CHECK_OK(stage_row.run(t, stage.stage, stage.role, stage.suite));
  }
  return {};
}

}  // namespace

std::string plan_rows_digest(const Plan& plan) {
  Encoder encoder;
  encoder(plan.name, plan.max_attempts, plan.stages_without_sharing,
          static_cast<std::uint32_t>(plan.stages.size()),
          static_cast<std::uint32_t>(plan.trials.size()));
  for (const Stage& stage : plan.stages)
    encoder(stage.key, stage.kind, stage.name, stage.parents, stage.cost_s);
  for (const Trial& trial : plan.trials) {
    encoder(trial.id, trial.cell, trial.seed);
    for (const auto& [name, value] : trial.parameters) encoder(name, value);
    for (const TrialStage& stage : trial.stages) encoder(stage.stage, stage.role, stage.suite);
  }
  return sha256_hex(encoder.bytes());
}

Result<> write_plan_rows(sqlite::Database& db, const Plan& plan, const std::string& digest) {
  VLSWEEP_TRY(sqlite::Statement sweep_row,
              db.prepare("INSERT INTO sweeps (name, plan_digest, max_attempts, num_trials, "
                         "num_stages, stages_without_sharing, applied) "
                         "VALUES (?, ?, ?, ?, ?, ?, 0)"));
  VLSWEEP_CHECK_OK(sweep_row.run(plan.name, digest, plan.max_attempts,
                                 static_cast<std::int64_t>(plan.trials.size()),
                                 static_cast<std::int64_t>(plan.stages.size()),
                                 static_cast<std::int64_t>(plan.stages_without_sharing)));
  VLSWEEP_CHECK_OK(write_stages(db, plan));
  return write_trials(db, plan);
}

Result<StageStates> read_stage_states(const sqlite::Database& db, const Plan& plan) {
  StageStates states(plan);
  VLSWEEP_TRY(sqlite::Statement rows,
              db.prepare("SELECT stage, state, rank FROM stages WHERE state != 'waiting'"));
  for (;;) {
    VLSWEEP_TRY(const bool row, rows.step());
    if (!row) break;
    const auto stage = static_cast<std::uint64_t>(rows.integer(0));
    if (stage >= plan.stages.size())
      return fail(Errc::corrupt, "holds a stage that the plan does not", db.path().string());
    states.set(static_cast<std::uint32_t>(stage), stage_state_from_name(rows.text(1)),
               static_cast<std::uint32_t>(rows.integer(2)));
  }
  // The rows of the trials were written by the same transactions: nothing new to tell.
  VLSWEEP_CHECK_OK(states.for_changed_trials([](std::uint32_t, StageState) { return Result<>(); }));
  return states;
}

}  // namespace vlsweep
