// MPI rank 0 of a run: the one loop that moves messages from the transport to the coordinator, its
// events to the journal and, once they are durable, its answers back and its news to the recorder.
//
// run_coordinator uses the calling thread (which made the transport) and one for the recorder.
#pragma once

#include <atomic>
#include <filesystem>

#include "orchestrator/coordinator/coordinator.h"
#include "orchestrator/coordinator/recorder.h"
#include "orchestrator/protocol/plan.h"
#include "orchestrator/protocol/transport.h"

namespace vlsweep {

// Exit statuses of rank 0. The launcher acts on them, never on mpirun's.
inline constexpr int kExitDone = 0;
inline constexpr int kExitSomeFailed = 1;      // stages failed for good, or are blocked
inline constexpr int kExitInfrastructure = 3;  // journal, disk, no ranks: see the log
inline constexpr int kExitRestart = 5;         // all ranks were lost; the journal carries on
inline constexpr int kExitStopped = 6;         // on request; the same command goes on

struct CoordinatorOptions {
  std::filesystem::path run_folder;  // the journal is RUN_FOLDER/journal
  std::filesystem::path store_folder;
  const Plan& plan;
  Transport& transport;
  Recorder& recorder;
  StoreLookup store;
  std::uint32_t heartbeat_ms = 1'000;
  std::uint32_t silence_ms = 20'000;
  std::uint32_t join_ms = 180'000;
  bool retry_failed = false;  // stages that failed for good in an earlier start are tried anew
  RunOpened opened{};         // who we are; the time is filled in
  // Set from a signal's handler: stop cleanly.
  const std::atomic<bool>* interrupt = nullptr;
  bool sync_journal = true;  // false only to measure what durability costs
};

// Runs the plan to its end, then leaves the transport (Transport::leave, which may end the process
// with the same status). Returns one of the statuses above.
int run_coordinator(const CoordinatorOptions& options);

}  // namespace vlsweep
