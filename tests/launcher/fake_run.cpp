// Stands in for `vlsweep run`: `fake_run RUN BEHAVIOUR FAKE_RANK`. Its exit status is launch()'s.
#include <cstdio>

#include "orchestrator/launcher/launcher.h"
#include "tests/launcher/fake_run_state.h"

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const auto run = vlsweep::RunFolder::take(argv[1], "version: 1\n", "{}");
  if (!run) {
    std::fprintf(stderr, "vlsweep: %s\n", run.error().text().c_str());
    return run.error().code == vlsweep::Errc::busy ? 30 : 2;
  }
  vlsweep::LaunchOptions options;
  options.rank_command = {argv[3], run->path().string(), argv[2]};
  options.ranks = 2;
  options.again = "fake_run";
  options.max_futile_restarts = 2;
  options.restart_pause = std::chrono::milliseconds(10);
  options.start_patience = std::chrono::milliseconds(3'000);
  options.frozen_limit = std::chrono::milliseconds(200);
  options.stop_patience = std::chrono::milliseconds(60'000);
  vlsweep::FakeStatusSource source(run->path());
  const auto status = vlsweep::launch(*run, options, source);
  if (status) return *status;
  std::fprintf(stderr, "vlsweep: %s\n", status.error().text().c_str());
  return 3;
}
