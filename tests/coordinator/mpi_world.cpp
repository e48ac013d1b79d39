// The program that mpirun starts in mpi_test: rank 0 is the real coordinator over the real
// transport, the others are noop agents. `mpi_world RUN_FOLDER STAGES STAGE_S [SILENCE_MS]`
// writes RUN_FOLDER/rank-R.pid for each rank and, at the end, RUN_FOLDER/status of rank 0.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "orchestrator/base/log.h"
#include "orchestrator/coordinator/run_loop.h"
#include "tests/coordinator/noop_agent.h"
#include "tests/coordinator/plans.h"

namespace {

using std::chrono_literals::operator""ms;

std::atomic<bool> interrupted = false;

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class NoRecorder final : public vlsweep::Recorder {
 public:
  std::uint64_t recorded() override { return 0; }
  vlsweep::Result<> record(std::uint64_t, std::span<const vlsweep::Event>) override { return {}; }
  void live(std::span<const vlsweep::LiveReport>) override {}
  void checkpoint() override {}
};

int run_rank_0(vlsweep::Transport& transport, const std::filesystem::path& folder, char** argv) {
  const vlsweep::Plan plan =
      vlsweep::testing::noop_plan(static_cast<std::uint32_t>(std::atoi(argv[2])));
  NoRecorder recorder;
  vlsweep::CoordinatorOptions options{.run_folder = folder,
                                      .store_folder = folder / ".store",
                                      .plan = plan,
                                      .transport = transport,
                                      .recorder = recorder,
                                      .store = [](const vlsweep::Key&) { return std::nullopt; }};
  options.heartbeat_ms = 50;
  options.silence_ms = static_cast<std::uint32_t>(std::atoi(argv[4]));
  options.join_ms = 20'000;
  options.interrupt = &interrupted;
  return vlsweep::run_coordinator(options);
}

int run_agent_rank(vlsweep::Transport& transport, char** argv) {
  vlsweep::testing::NoopAgent agent(transport, {.stage_s = std::atof(argv[3])});
  while (!agent.goodbye()) {
    // Rests outside of its turn: if it is stopped meanwhile, it hears before it judges the silence.
    const double now = now_s();
    agent.turn(now, std::chrono::microseconds(0));
    if (agent.coordinator_silent(now)) ::_exit(3);
    std::this_thread::sleep_for(1ms);
  }
  transport.leave(0, agent.goodbye()->orderly ? vlsweep::Ending::orderly : vlsweep::Ending::abrupt);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  auto transport = vlsweep::make_mpi_transport(argc, argv);
  if (!transport) return 3;
  const std::filesystem::path folder = argv[1];
  const std::string rank = std::to_string((*transport)->rank());
  (void)vlsweep::log_open(folder / ("rank-" + rank + ".log"), "rank " + rank);
  const auto pid_file = folder / ("rank-" + rank + ".pid");
  std::ofstream(pid_file.string() + ".new") << ::getpid() << std::endl;
  std::filesystem::rename(pid_file.string() + ".new", pid_file);
  if ((*transport)->rank() != 0) return run_agent_rank(**transport, argv);
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { interrupted = true; });
  return run_rank_0(**transport, folder, argv);
}
