#include "orchestrator/cli/results_status.h"

#include <array>
#include <cstdio>

namespace vlsweep {
namespace {

std::string line_of(const LiveRow& live) {
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), ", step %lld of %lld", static_cast<long long>(live.step),
                static_cast<long long>(live.steps));
  std::string line = live.name + text.data();
  if (live.loss) {
    std::snprintf(text.data(), text.size(), ", loss %.3g", *live.loss);
    line += text.data();
  }
  return line;
}

// "interrupted" is what the database calls a coordinator that was killed: the run is not over.
std::string outcome_of(const RunSummary& summary) {
  if (summary.sessions.empty()) return {};
  const std::string& outcome = summary.sessions.back().outcome;
  return outcome == "interrupted" ? std::string() : outcome;
}

Result<RunStatus> read_status(RunReader& reader) {
  VLSWEEP_TRY(const RunSummary summary, reader.summary());
  VLSWEEP_TRY(const std::vector<LiveRow> live, reader.live());
  RunStatus status{.sessions = summary.sessions.size(),
                   .outcome = outcome_of(summary),
                   .waiting = summary.stages.waiting,
                   .running = summary.stages.running,
                   .done = summary.stages.done,
                   .failed = summary.stages.failed};
  if (summary.ranks_present > 0)
    status.eta_s = summary.seconds_left / static_cast<double>(summary.ranks_present);
  for (const LiveRow& row : live) status.at_work.push_back(line_of(row));
  return status;
}

}  // namespace

RunStatus ResultsStatus::status() {
  if (!reader_) {
    auto opened = RunReader::open(run_folder_);
    if (!opened) return {};
    reader_.emplace(std::move(*opened));
  }
  auto status = read_status(*reader_);
  return status ? std::move(*status) : RunStatus{};
}

}  // namespace vlsweep
