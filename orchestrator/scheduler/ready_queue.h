// The stages that are ready, best first: one heap for each kind of demand (cores, GPUs, ...), and
// one for each residency group. Entries are never searched for: one whose stage is no longer ready
// is dropped when it comes to the top.
//
// Owned by the Scheduler; reads states and longest paths from the StageTable.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "orchestrator/scheduler/residency.h"
#include "orchestrator/scheduler/stage_table.h"

namespace vlsweep {

class ReadyQueue {
 public:
  ReadyQueue(const Plan& plan, const StageTable& table);

  // The stage has become ready (or is so again).
  void push(std::uint32_t stage);
  // Kinds of demand are numbered from 0; each has stages that need the same resources.
  std::size_t num_demands() const { return demands_.size(); }
  const Resources& demand(std::size_t index) const { return demands_[index]; }
  std::optional<std::uint32_t> top(std::size_t demand);
  std::optional<std::uint32_t> top_of_group(std::uint32_t group);
  std::uint32_t group(std::uint32_t stage) const { return groups_[stage]; }
  // After the longest paths have changed: O(ready stages).
  void reorder();

 private:
  using Heap = std::vector<std::uint32_t>;
  void push_onto(Heap& heap, std::uint32_t stage);
  std::optional<std::uint32_t> top_of(Heap& heap);
  void reorder_heap(Heap& heap);
  auto after() const {
    return [this](std::uint32_t a, std::uint32_t b) { return table_.before(b, a); };
  }

  const StageTable& table_;
  std::vector<Resources> demands_;
  std::vector<std::uint16_t> demand_of_;  // of each stage
  std::vector<std::uint32_t> groups_;     // of each stage
  std::vector<Heap> by_demand_;
  std::unordered_map<std::uint32_t, Heap> by_group_;
};

}  // namespace vlsweep
