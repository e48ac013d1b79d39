// What a stage can be to the scheduler. A state carries its data, so that an impossible combination
// cannot be written down.
//
// Plain values.
#pragma once

#include <cstdint>
#include <variant>

#include "orchestrator/base/result.h"

namespace vlsweep {

// For parents that have not ended.
struct WaitingState {};
// For a rank: all parents are done.
struct ReadyState {};
// In a rank's queue. Its parents are done, or stand before it in the same queue.
struct AssignedState {
  std::uint32_t rank = 0;
  std::uint32_t attempt = 0;
};
struct RunningState {
  std::uint32_t rank = 0;
  std::uint32_t attempt = 0;
  double since = 0;  // the caller's time
};
struct DoneState {
  std::uint32_t attempt = 0;
};
// The store had it.
struct ReusedState {};
// For good; the reason is Scheduler::reason().
struct FailedState {
  Errc code = Errc::internal;
};
// Can never run, because an ancestor failed for good.
struct BlockedState {
  std::uint32_t culprit = 0;  // the stage that failed
};

using StageState = std::variant<WaitingState, ReadyState, AssignedState, RunningState, DoneState,
                                ReusedState, FailedState, BlockedState>;

// planned = done + reused + failed + blocked + running + waiting, at all times.
struct StageCounts {
  std::uint64_t planned = 0;
  std::uint64_t done = 0;
  std::uint64_t reused = 0;
  std::uint64_t failed = 0;
  std::uint64_t blocked = 0;
  std::uint64_t running = 0;
  std::uint64_t waiting = 0;   // for parents, for a rank, or in a rank's queue
  std::uint64_t ready = 0;     // of the waiting: for a rank
  std::uint64_t assigned = 0;  // of the waiting: in a rank's queue

  std::uint64_t ended() const { return done + reused + failed + blocked; }
  bool add_up() const { return planned == ended() + running + waiting; }
};

inline bool is_good(const StageState& state) {
  return std::holds_alternative<DoneState>(state) || std::holds_alternative<ReusedState>(state);
}
inline bool is_ended(const StageState& state) {
  return is_good(state) || std::holds_alternative<FailedState>(state) ||
         std::holds_alternative<BlockedState>(state);
}

}  // namespace vlsweep
