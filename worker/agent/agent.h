// The agent: what an MPI rank other than 0 does. It takes assignments from the coordinator, has a
// trainer process do those that need libtorch, does the others itself, publishes what comes out in
// the store and reports. It lives on through every failure of its trainer.
//
// run_agent uses the calling thread (which must be the one that made the transport) and one thread
// of its own for files; it returns when the sweep is over or the coordinator is lost.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "orchestrator/protocol/transport.h"

namespace vlsweep {

struct AgentOptions {
  // The trainer's program and the arguments before `--serve-fd 3`. Empty: none is started, and this
  // rank does noop and judge stages only (benchmarks).
  std::vector<std::string> trainer;
  std::filesystem::path logs;  // trainer-RANK.log is appended to here
  std::uint32_t cores = 0;     // offered to the scheduler; 0: those of this process's affinity

  std::chrono::milliseconds join{60'000};            // to wait for the coordinator's Welcome
  std::chrono::milliseconds trainer_start{120'000};  // until the trainer says that it is ready
  std::chrono::milliseconds stage_silence{600'000};  // of a trainer at work: it has hung
  std::chrono::milliseconds cancel_grace{5'000};     // for a trainer to drop a cancelled stage
};

// Serves rank 0 of `transport`, then leaves it (Transport::leave). Returns the exit status: 0 after
// the coordinator's Shutdown, 3 if the coordinator was lost or speaks another protocol.
int run_agent(Transport& transport, const AgentOptions& options);

}  // namespace vlsweep
