#include "storage/stage_states.h"

#include <array>

namespace vlsweep {
namespace {
constexpr std::array<std::string_view, 4> kNames{"waiting", "running", "done", "failed"};
}  // namespace

std::string_view stage_state_name(StageState state) {
  return kNames[static_cast<std::size_t>(state)];
}

StageState stage_state_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<StageState>(i);
  return StageState::waiting;
}

StageStates::StageStates(const Plan& plan)
    : stages_(plan.stages.size(), StageState::waiting),
      trials_of_(plan.stages.size()),
      trials_(plan.trials.size()) {
  for (std::uint32_t t = 0; t < plan.trials.size(); ++t) {
    trials_[t].all = static_cast<std::uint32_t>(plan.trials[t].stages.size());
    for (const TrialStage& stage : plan.trials[t].stages) trials_of_[stage.stage].push_back(t);
  }
}

void StageStates::count(Counts& counts, StageState state, int by) {
  const auto add = [by](std::uint32_t& number) {
    number = static_cast<std::uint32_t>(static_cast<int>(number) + by);
  };
  if (state == StageState::running) add(counts.running);
  if (state == StageState::done) add(counts.done);
  if (state == StageState::failed) add(counts.failed);
}

void StageStates::set(std::uint32_t stage, StageState state, std::uint32_t rank) {
  const StageState before = stages_[stage];
  if (state == StageState::running)
    running_[stage] = rank;
  else if (before == StageState::running)
    running_.erase(stage);
  if (state == before) return;
  stages_[stage] = state;
  for (const std::uint32_t trial : trials_of_[stage]) {
    Counts& counts = trials_[trial];
    count(counts, before, -1);
    count(counts, state, +1);
    if (!counts.touched) touched_.push_back(trial);
    counts.touched = true;
  }
}

StageState StageStates::trial_state(std::uint32_t trial) const {
  const Counts& counts = trials_[trial];
  if (counts.failed > 0) return StageState::failed;
  if (counts.done == counts.all) return StageState::done;
  return counts.running > 0 ? StageState::running : StageState::waiting;
}

}  // namespace vlsweep
