#include "orchestrator/scheduler/stage_table.h"

#include <algorithm>

namespace vlsweep {

StageTable::StageTable(const Plan& plan)
    : plan_(plan),
      states_(plan.stages.size()),
      pending_(plan.stages.size()),
      attempts_(plan.stages.size()),
      failures_(plan.stages.size()) {
  link_children();
  counts_.planned = counts_.waiting = plan.stages.size();
  predict(CostModel());
}

void StageTable::link_children() {
  child_begin_.assign(plan_.stages.size() + 1, 0);
  for (std::uint32_t i = 0; i < size(); ++i) {
    pending_[i] = static_cast<std::uint32_t>(stage(i).parents.size());
    for (const std::uint32_t parent : stage(i).parents) ++child_begin_[parent + 1];
  }
  for (std::uint32_t i = 0; i < size(); ++i) child_begin_[i + 1] += child_begin_[i];
  children_.resize(child_begin_.back());
  std::vector<std::uint32_t> next(child_begin_.begin(), child_begin_.end() - 1);
  for (std::uint32_t i = 0; i < size(); ++i)
    for (const std::uint32_t parent : stage(i).parents) children_[next[parent]++] = i;
}

std::span<const std::uint32_t> StageTable::children(std::uint32_t stage) const {
  return std::span(children_).subspan(child_begin_[stage],
                                      child_begin_[stage + 1] - child_begin_[stage]);
}

void StageTable::count(const StageState& state, std::uint64_t change) {
  struct Add {
    StageCounts& counts;
    std::uint64_t change;
    void operator()(const WaitingState&) const { counts.waiting += change; }
    void operator()(const ReadyState&) const {
      counts.waiting += change;
      counts.ready += change;
    }
    void operator()(const AssignedState&) const {
      counts.waiting += change;
      counts.assigned += change;
    }
    void operator()(const RunningState&) const { counts.running += change; }
    void operator()(const DoneState&) const { counts.done += change; }
    void operator()(const ReusedState&) const { counts.reused += change; }
    void operator()(const FailedState&) const { counts.failed += change; }
    void operator()(const BlockedState&) const { counts.blocked += change; }
  };
  std::visit(Add{counts_, change}, state);
}

void StageTable::set_state(std::uint32_t stage, StageState state) {
  count(states_[stage], ~std::uint64_t{0});  // minus one
  count(state, 1);
  if (is_ended(state) && !is_ended(states_[stage])) remaining_s_ -= costs_[stage];
  states_[stage] = state;
}

void StageTable::restore_attempts(std::uint32_t stage, std::uint32_t attempts,
                                  std::uint32_t failures) {
  attempts_[stage] = attempts;
  failures_[stage] = failures;
}

void StageTable::predict(const CostModel& model) {
  costs_.resize(size());
  paths_.assign(size(), 0);
  remaining_s_ = 0;
  // Children come after their parents, so each path is whole before it is handed to the parents.
  for (std::uint32_t i = size(); i-- > 0;) {
    costs_[i] = model.predict(stage(i).kind, stage(i).cost_s);
    paths_[i] += costs_[i];
    for (const std::uint32_t parent : stage(i).parents)
      paths_[parent] = std::max(paths_[parent], paths_[i]);
    if (!is_ended(states_[i])) remaining_s_ += costs_[i];
  }
}

Result<> StageTable::check() const {
  StageTable recount(plan_);
  for (std::uint32_t i = 0; i < size(); ++i) recount.set_state(i, states_[i]);
  const auto fields_of = [](const StageCounts& c) {
    return std::array{c.planned, c.done,    c.reused, c.failed,  c.blocked,
                      c.running, c.waiting, c.ready,  c.assigned};
  };
  if (fields_of(counts_) != fields_of(recount.counts_) || !counts_.add_up())
    return fail(Errc::internal, "the counts of stages do not add up");
  for (std::uint32_t i = 0; i < size(); ++i) {
    const auto& parents = stage(i).parents;
    const auto pending = std::count_if(parents.begin(), parents.end(),
                                       [&](std::uint32_t p) { return !is_good(states_[p]); });
    if (pending_[i] != static_cast<std::uint32_t>(pending))
      return fail(Errc::internal, "stage " + std::to_string(i) + " miscounts its parents");
    if (std::holds_alternative<ReadyState>(states_[i]) && pending != 0)
      return fail(Errc::internal, "stage " + std::to_string(i) + " is ready before its parents");
    if (std::holds_alternative<WaitingState>(states_[i]) && pending == 0)
      return fail(Errc::internal, "stage " + std::to_string(i) + " waits for nothing");
  }
  return {};
}

}  // namespace vlsweep
