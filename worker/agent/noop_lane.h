// noop stages, for benchmarks and tests: done at once, or after the spec's "sleep_ms", one after
// another. They leave nothing in the store.
//
// Belongs to one thread.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <vector>

#include "worker/agent/trainer_message.h"

namespace vlsweep {

class NoopLane {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit NoopLane(std::string host) : host_(std::move(host)) {}

  // Adds to `messages` what there is to say at once.
  void add(const Assignment& assignment, Time now, std::vector<ToCoordinator>& messages);
  // A stage that sleeps or waits is dropped; false if there is none of this id.
  bool cancel(AttemptId id);
  void cancel_all() { sleeping_.clear(); }
  // Whether a stage ended.
  bool pump(Time now, std::vector<ToCoordinator>& messages);
  // When pump() has something to do, if it ever has.
  std::optional<Time> next() const;
  bool idle() const { return sleeping_.empty(); }

 private:
  struct Sleeper {
    AttemptId id;
    std::chrono::milliseconds length;
    std::optional<Time> begun;
  };
  ToCoordinator finished(AttemptId id, std::chrono::milliseconds length) const;

  std::string host_;
  std::deque<Sleeper> sleeping_;  // the first one is at work
};

}  // namespace vlsweep
