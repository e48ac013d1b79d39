// Where the stages and trials of a plan stand, as results.db needs it while events are folded in:
// which stage runs on which rank, and which trials changed their state since the last question.
//
// A value of one thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "orchestrator/protocol/plan.h"

namespace vlsweep {

// Also the words in the tables `stages` and `trials`.
enum class StageState : std::uint8_t { waiting, running, done, failed };
std::string_view stage_state_name(StageState state);
// waiting, if the name is unknown.
StageState stage_state_from_name(std::string_view name);

class StageStates {
 public:
  // All stages waiting.
  explicit StageStates(const Plan& plan);

  StageState state(std::uint32_t stage) const { return stages_[stage]; }
  void set(std::uint32_t stage, StageState state, std::uint32_t rank = 0);

  // Stages that run, with their ranks.
  const std::unordered_map<std::uint32_t, std::uint32_t>& running() const { return running_; }

  // failed: a stage of it failed for good; done: all are; running: one runs; else waiting.
  StageState trial_state(std::uint32_t trial) const;
  // Calls f(trial, state) for each trial whose state is another than at the last call.
  template <class F>
  Result<> for_changed_trials(F f) {
    for (const std::uint32_t trial : touched_) {
      trials_[trial].touched = false;
      const StageState now = trial_state(trial);
      if (now == trials_[trial].told) continue;
      VLSWEEP_CHECK_OK(f(trial, now));
      trials_[trial].told = now;
    }
    touched_.clear();
    return {};
  }

 private:
  struct Counts {
    std::uint32_t all = 0;
    std::uint32_t running = 0;
    std::uint32_t done = 0;
    std::uint32_t failed = 0;
    StageState told = StageState::waiting;
    bool touched = false;
  };
  void count(Counts& counts, StageState state, int by);

  std::vector<StageState> stages_;
  std::vector<std::vector<std::uint32_t>> trials_of_;  // by stage
  std::vector<Counts> trials_;
  std::vector<std::uint32_t> touched_;
  std::unordered_map<std::uint32_t, std::uint32_t> running_;
};

}  // namespace vlsweep
