// Every stage's state, attempts, predicted cost and longest path, with counts that are kept as
// states change. About 60 bytes a stage beside the plan.
//
// Owned by the Scheduler. The plan must outlive it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "orchestrator/protocol/plan.h"
#include "orchestrator/scheduler/cost_model.h"
#include "orchestrator/scheduler/stage_state.h"

namespace vlsweep {

class StageTable {
 public:
  explicit StageTable(const Plan& plan);

  std::uint32_t size() const { return static_cast<std::uint32_t>(states_.size()); }
  std::uint32_t max_attempts() const { return plan_.max_attempts; }
  const Stage& stage(std::uint32_t stage) const { return plan_.stages[stage]; }
  std::span<const std::uint32_t> children(std::uint32_t stage) const;
  const StageState& state(std::uint32_t stage) const { return states_[stage]; }
  bool ready(std::uint32_t stage) const {
    return std::holds_alternative<ReadyState>(states_[stage]);
  }
  void set_state(std::uint32_t stage, StageState state);
  const StageCounts& counts() const { return counts_; }

  // Parents that are not done or reused. release_children says one of them now is: returns nothing,
  // calls ready(child) for each waiting child that has no other.
  std::uint32_t pending_parents(std::uint32_t stage) const { return pending_[stage]; }
  template <class OnReady>
  void release_children(std::uint32_t stage, OnReady&& on_ready) {
    for (const std::uint32_t child : children(stage))
      if (--pending_[child] == 0 && std::holds_alternative<WaitingState>(states_[child]))
        on_ready(child);
  }

  // Attempts are numbered from 1, failures counted apart: an attempt that was taken back is none.
  std::uint32_t next_attempt(std::uint32_t stage) { return ++attempts_[stage]; }
  std::uint32_t attempts(std::uint32_t stage) const { return attempts_[stage]; }
  std::uint32_t failures(std::uint32_t stage) const { return failures_[stage]; }
  std::uint32_t add_failure(std::uint32_t stage) { return ++failures_[stage]; }
  void restore_attempts(std::uint32_t stage, std::uint32_t attempts, std::uint32_t failures);

  // Predicted seconds of the stage, of the longest path that begins with it, of all not ended.
  float cost(std::uint32_t stage) const { return costs_[stage]; }
  float longest_path(std::uint32_t stage) const { return paths_[stage]; }
  double remaining_s() const { return remaining_s_; }
  // The better one to start first: the longer path, then the earlier in the plan.
  bool before(std::uint32_t a, std::uint32_t b) const {
    return paths_[a] != paths_[b] ? paths_[a] > paths_[b] : a < b;
  }
  // O(stages): predicts all costs anew.
  void predict(const CostModel& model);

  // Recounts; an error says what does not add up (our bug).
  Result<> check() const;

 private:
  void link_children();
  void count(const StageState& state, std::uint64_t change);

  const Plan& plan_;
  std::vector<StageState> states_;
  std::vector<std::uint32_t> pending_, attempts_, failures_;
  std::vector<float> costs_, paths_;
  std::vector<std::uint32_t> child_begin_, children_;  // children of i: [child_begin_[i], [i+1])
  StageCounts counts_;
  double remaining_s_ = 0;
};

}  // namespace vlsweep
