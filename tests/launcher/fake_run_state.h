// The "journal" of the fake run: one small text file, replaced by rename, that the fake coordinator
// writes and the fake status source reads.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "orchestrator/launcher/run_status.h"

namespace vlsweep {

inline constexpr std::uint64_t kFakeStages = 10;

inline RunStatus read_fake_state(const std::filesystem::path& run) {
  RunStatus status;
  std::ifstream file(run / "fake_state");
  std::string outcome;
  if (!(file >> status.sessions >> status.done >> outcome)) return RunStatus{};
  status.outcome = outcome == "-" ? "" : outcome;
  status.waiting = kFakeStages - status.done;
  return status;
}

inline void write_fake_state(const std::filesystem::path& run, const RunStatus& status) {
  const auto draft = run / "fake_state.tmp";
  std::ofstream(draft) << status.sessions << ' ' << status.done << ' '
                       << (status.outcome.empty() ? "-" : status.outcome) << '\n';
  std::filesystem::rename(draft, run / "fake_state");
}

class FakeStatusSource final : public StatusSource {
 public:
  explicit FakeStatusSource(std::filesystem::path run) : run_(std::move(run)) {}
  RunStatus status() override { return read_fake_state(run_); }

 private:
  std::filesystem::path run_;
};

}  // namespace vlsweep
