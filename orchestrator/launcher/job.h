// One mpirun with its ranks, from start to a certain end.
//
// Belongs to the launcher's thread, which must outlive it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "orchestrator/base/child_process.h"
#include "orchestrator/launcher/launcher.h"
#include "orchestrator/launcher/mpirun.h"
#include "orchestrator/launcher/processes.h"

namespace vlsweep {

class Job {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class State {
    alive,
    headless,  // the coordinator is gone, frozen, or never came; mpirun still lives
    over       // mpirun has ended
  };

  // RUN/coordinator.pid of an earlier job is removed first; the coordinator writes it anew.
  static Result<Job> start(const Mpirun& mpirun, const RunFolder& run,
                           const LaunchOptions& options);

  State look(Time now);
  // Asks the coordinator to stop cleanly; false while it is not known yet.
  bool ask_to_stop();
  // Ends whatever is left: asks mpirun (SIGTERM), after `patience` kills its group, then the
  // orphans.
  void end(OrphanKeeper& orphans, std::chrono::milliseconds patience);
  // What its output complains of last: the last line of ours ("vlsweep: ..."), or the last one.
  std::string last_words() const;

 private:
  Job(ChildProcess mpirun, const RunFolder& run, const LaunchOptions& options,
      std::uint64_t log_begin);
  bool coordinator_is_lost(Time now);

  ChildProcess mpirun_;
  std::filesystem::path pid_file_, log_;
  std::uint64_t log_begin_;  // its own lines of the log begin here
  std::chrono::milliseconds frozen_limit_;
  Time start_deadline_;               // for coordinator.pid to appear
  std::optional<pid_t> coordinator_;  // once it is known and on this host
  std::optional<Time> frozen_since_;
};

}  // namespace vlsweep
