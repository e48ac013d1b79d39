// A plan: the trials of one sweep and the DAG of stages that they share, as `sweeps/` makes it and
// scheduler, storage and page read it. Plain data, kept in the run folder as plan.json.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/protocol/stage.h"

namespace vlsweep {

// A stage on a trial's path, with what it is to this trial.
struct TrialStage {
  std::uint32_t stage = 0;  // index into Plan::stages
  std::string role;         // "pretrain", "vision_language", "safety", "respond", "judge"
  std::string suite;        // for respond and judge: "vlguard-unsafe"; empty otherwise
};

// One resolved configuration with one seed.
struct Trial {
  std::string id;          // 12 hexadecimal digits: a hash of the resolved configuration
  std::uint32_t cell = 0;  // trials that differ in the seed alone share a cell
  std::int64_t seed = 0;
  // In the order of the YAML, `seed` left out; the value is JSON text: "full" quoted, 0.05, true.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::vector<TrialStage> stages;  // parents before children
};

// A step of the expansion and how many configurations were left after it.
struct ExpansionCount {
  std::string step;  // "grid", "zip", "when", "derive", "exclude", "include", "seeds"
  std::uint64_t count = 0;
};

struct Plan {
  std::string name;
  std::vector<Stage> stages;  // parents before children, keys unique
  std::vector<Trial> trials;
  std::vector<ExpansionCount> counts;
  std::uint32_t max_attempts = 3;            // retry.max of the sweep
  std::uint64_t stages_without_sharing = 0;  // sum of the trials' path lengths
};

// plan.json; the reader refuses (corrupt) whatever the writer could not have written.
std::string plan_to_json(const Plan& plan);
Result<Plan> plan_from_json(std::string_view text);

}  // namespace vlsweep
