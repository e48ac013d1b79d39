// Stands in for `vlsweep rank RUN` under a real mpirun: `fake_rank RUN BEHAVIOUR`. Rank 0 plays the
// coordinator, the others agents, each with a trainer (this program again, "leaf").
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "orchestrator/base/child_process.h"
#include "orchestrator/base/file.h"
#include "tests/launcher/fake_run_state.h"

namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;

std::atomic<bool> interrupted{false};

int coordinate(const fs::path& run, const std::string& behaviour) {
  ::signal(SIGINT, [](int) { interrupted = true; });
  vlsweep::RunStatus state = vlsweep::read_fake_state(run);
  if (behaviour == "never_starts")
    while (true) ::pause();
  ++state.sessions;
  state.outcome.clear();
  vlsweep::write_fake_state(run, state);
  if (!vlsweep::write_file_durably(run / "coordinator.pid", std::to_string(::getpid()) + "\n"))
    return 1;
  std::this_thread::sleep_for(
      milliseconds(100));  // so that a death is not taken for a start that failed
  if (behaviour == "die") {
    std::fputs("vlsweep: the disk is full\n", stderr);
    ::raise(SIGKILL);
  }
  const bool stays = behaviour == "wait" || behaviour == "deaf";
  while (state.done < vlsweep::kFakeStages || stays) {
    std::this_thread::sleep_for(milliseconds(10));
    if (interrupted && behaviour != "deaf") break;
    if (stays) continue;
    ++state.done;
    vlsweep::write_fake_state(run, state);
    if (state.sessions == 1 && state.done == 4 && behaviour == "die_once") ::raise(SIGKILL);
    if (state.sessions == 1 && state.done == 4 && behaviour == "freeze_once") {
      ::raise(SIGSTOP);
      while (true) ::pause();  // mpirun wakes its ranks before it ends them
    }
  }
  state.outcome = interrupted ? "stopped" : behaviour == "fail" ? "failed" : "done";
  vlsweep::write_fake_state(run, state);
  return 0;
}

// Works until the run is closed, or for ever.
int serve(const fs::path& run, const std::string& behaviour, const char* self) {
  auto trainer = vlsweep::ChildProcess::spawn({.arguments = {self, run.string(), "leaf"},
                                               .environment = vlsweep::current_environment(),
                                               .log = "/dev/null"});
  if (!trainer) return 1;
  while (behaviour == "hanging_agents" || vlsweep::read_fake_state(run).outcome.empty())
    std::this_thread::sleep_for(milliseconds(10));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string behaviour = argv[2];
  if (behaviour == "leaf")
    while (true) ::pause();
  if (!vlsweep::die_with_parent()) return 3;
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  if (rank == nullptr) return 2;
  return std::string(rank) == "0" ? coordinate(argv[1], behaviour)
                                  : serve(argv[1], behaviour, argv[0]);
}
