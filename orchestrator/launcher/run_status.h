// What the launcher knows of a run's progress. The command line reads it from results.db; the
// launcher itself depends on neither storage nor journal.
//
// A StatusSource is asked by the launcher's thread alone, a few times a second.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vlsweep {

struct RunStatus {
  std::uint64_t sessions = 0;  // coordinators that have opened the run, ever
  std::string outcome;         // of the last one: "done", "failed", "stopped"; empty: it is at work

  // Stages. What was found in the store counts as done.
  std::uint64_t waiting = 0, running = 0, done = 0, failed = 0;
  std::optional<double> eta_s;
  // What is at work now, a line for each: "rank 1: tune posthoc full 5%, step 120 of 350, loss
  // 0.42".
  std::vector<std::string> at_work;

  std::uint64_t all() const { return waiting + running + done + failed; }
};

class StatusSource {
 public:
  virtual ~StatusSource() = default;
  // Now; all zeros while there is nothing to read yet. Quick: the launcher waits for it.
  virtual RunStatus status() = 0;
};

}  // namespace vlsweep
