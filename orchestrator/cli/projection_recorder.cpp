#include "orchestrator/cli/projection_recorder.h"

#include "orchestrator/base/log.h"

namespace vlsweep {

void ProjectionRecorder::live(std::span<const LiveReport> reports) {
  std::vector<LiveProgress> progress;
  progress.reserve(reports.size());
  for (const LiveReport& report : reports) {
    const Progress& at = report.progress;
    progress.push_back({at.stage, at.attempt, at.step, at.steps, report.time, at.points});
  }
  // Progress is a view of the moment: what is not recorded now will be outdated soon.
  if (const Result<> recorded = projection_.live(progress); !recorded)
    log_event(Level::warning, "progress_not_recorded", {{"error", recorded.error().text()}});
}

void ProjectionRecorder::checkpoint() {
  if (const Result<> published = projection_.publish_snapshot(); !published)
    log_event(Level::warning, "snapshot_not_published", {{"error", published.error().text()}});
}

}  // namespace vlsweep
