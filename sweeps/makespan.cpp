#include <algorithm>
#include <queue>

#include "sweeps/report.h"

namespace vlsweep {
namespace {

// Of each stage: the longest way from its start to the end of the plan.
std::vector<double> remaining_paths(const Plan& plan) {
  std::vector<double> remaining(plan.stages.size(), 0);
  for (std::size_t i = plan.stages.size(); i-- > 0;) {
    remaining[i] += plan.stages[i].cost_s;
    for (const std::uint32_t parent : plan.stages[i].parents)
      remaining[parent] = std::max(remaining[parent], remaining[i]);
  }
  return remaining;
}

}  // namespace

double estimate_makespan(const Plan& plan, std::uint32_t ranks) {
  const std::vector<double> remaining = remaining_paths(plan);
  std::vector<std::uint32_t> waits(plan.stages.size(), 0);
  std::vector<std::vector<std::uint32_t>> children(plan.stages.size());
  std::priority_queue<std::pair<double, std::uint32_t>> ready;  // the longest path first
  for (std::uint32_t i = 0; i < plan.stages.size(); ++i) {
    waits[i] = static_cast<std::uint32_t>(plan.stages[i].parents.size());
    for (const std::uint32_t parent : plan.stages[i].parents) children[parent].push_back(i);
    if (waits[i] == 0) ready.emplace(remaining[i], i);
  }
  using End = std::pair<double, std::uint32_t>;
  std::priority_queue<End, std::vector<End>, std::greater<>> running;
  double now = 0;
  std::uint32_t free = std::max(1U, ranks);
  const auto wanted = [&](std::uint32_t stage) {
    return std::clamp<std::uint32_t>(plan.stages[stage].resources.ranks, 1, std::max(1U, ranks));
  };
  while (!ready.empty() || !running.empty()) {
    while (!ready.empty() && wanted(ready.top().second) <= free) {
      const std::uint32_t stage = ready.top().second;
      ready.pop();
      free -= wanted(stage);
      running.emplace(now + plan.stages[stage].cost_s, stage);
    }
    now = running.top().first;
    free += wanted(running.top().second);
    for (const std::uint32_t child : children[running.top().second])
      if (--waits[child] == 0) ready.emplace(remaining[child], child);
    running.pop();
  }
  return now;
}

}  // namespace vlsweep
