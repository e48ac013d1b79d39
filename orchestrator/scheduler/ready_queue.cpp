#include "orchestrator/scheduler/ready_queue.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace vlsweep {

ReadyQueue::ReadyQueue(const Plan& plan, const StageTable& table)
    : table_(table), demand_of_(plan.stages.size()), groups_(residency_groups(plan)) {
  std::map<std::tuple<std::uint16_t, std::uint16_t, std::uint64_t, std::uint16_t>, std::uint16_t>
      known;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const Resources& r = plan.stages[i].resources;
    const auto [found, is_new] = known.try_emplace({r.cores, r.gpus, r.gpu_memory, r.ranks},
                                                   static_cast<std::uint16_t>(demands_.size()));
    if (is_new) demands_.push_back(r);
    demand_of_[i] = found->second;
  }
  by_demand_.resize(demands_.size());
}

void ReadyQueue::push(std::uint32_t stage) {
  push_onto(by_demand_[demand_of_[stage]], stage);
  if (groups_[stage] != kNoGroup) push_onto(by_group_[groups_[stage]], stage);
}

std::optional<std::uint32_t> ReadyQueue::top(std::size_t demand) {
  return top_of(by_demand_[demand]);
}

std::optional<std::uint32_t> ReadyQueue::top_of_group(std::uint32_t group) {
  const auto found = by_group_.find(group);
  if (found == by_group_.end()) return std::nullopt;
  const std::optional<std::uint32_t> best = top_of(found->second);
  if (!best) by_group_.erase(found);
  return best;
}

void ReadyQueue::push_onto(Heap& heap, std::uint32_t stage) {
  heap.push_back(stage);
  std::push_heap(heap.begin(), heap.end(), after());
}

std::optional<std::uint32_t> ReadyQueue::top_of(Heap& heap) {
  while (!heap.empty() && !table_.ready(heap.front())) {
    std::pop_heap(heap.begin(), heap.end(), after());
    heap.pop_back();
  }
  if (heap.empty()) return std::nullopt;
  return heap.front();
}

void ReadyQueue::reorder_heap(Heap& heap) {
  std::erase_if(heap, [this](std::uint32_t stage) { return !table_.ready(stage); });
  std::make_heap(heap.begin(), heap.end(), after());
}

void ReadyQueue::reorder() {
  for (Heap& heap : by_demand_) reorder_heap(heap);
  for (auto& [group, heap] : by_group_) reorder_heap(heap);
}

}  // namespace vlsweep
