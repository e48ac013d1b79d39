// What `vlsweep run` does once there is a plan: starts `mpirun -n R+1 vlsweep rank RUN`, watches
// it, starts it again when the coordinator dies, shows how far the run is, and leaves no process
// behind. Whether the run is over is read from the run (StatusSource), never from mpirun's exit
// status.
//
// launch() uses the calling thread, which must be the one that lives longest (children die with the
// thread that started them), and takes over SIGINT and SIGTERM while it runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"
#include "orchestrator/launcher/run_folder.h"
#include "orchestrator/launcher/run_status.h"

namespace vlsweep {

struct LaunchOptions {
  // The program and arguments of a rank, the run folder among them: {"/path/vlsweep", "rank", RUN,
  // "--trainer", ...}.
  std::vector<std::string> rank_command;
  std::uint32_t ranks = 1;  // workers; one process more is the coordinator
  std::string again;        // how to go on, for people: "vlsweep run sweeps/quickstart.yaml"

  std::uint32_t max_futile_restarts = 3;  // in a row, without a newly finished stage
  std::chrono::milliseconds restart_pause{500};
  std::chrono::milliseconds start_patience{180'000};  // for MPI and the coordinator to come up
  std::chrono::milliseconds stop_patience{30'000};    // for a stopping coordinator to end
  std::chrono::milliseconds frozen_limit{30'000};     // of a coordinator under SIGSTOP
};

// Exit statuses beside those of errors (unavailable: no MPI, or the job does not stay up).
inline constexpr int kLaunchDone = 0;
inline constexpr int kLaunchSomeFailed = 1;
inline constexpr int kLaunchInterrupted = 130;  // stopped on request; the same command goes on

// Blocks until the run is over or stopped.
Result<int> launch(const RunFolder& run, const LaunchOptions& options, StatusSource& source);

// How many worker ranks to start if nobody says: one per GPU, or two on a host without GPUs (one if
// it has a single core).
std::uint32_t default_ranks(std::uint32_t cores, std::uint32_t gpus);
// Of this host, as far as device files and CUDA_VISIBLE_DEVICES tell.
std::uint32_t count_gpus();

}  // namespace vlsweep
