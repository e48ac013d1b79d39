// How a coordinator starts from what journal and store know (Coordinator::open).
#include "orchestrator/base/log.h"
#include "orchestrator/coordinator/coordinator.h"

namespace vlsweep {
namespace {

// These leave nothing in the store: what the journal says of them is all there is.
bool leaves_nothing(const Stage& stage) { return stage.kind == StageKind::noop; }

}  // namespace

void Coordinator::open(Instant now, const StoreLookup& store) {
  opened_s_ = last_tick_s_ = now.steady_s;
  opened_ms_ = static_cast<std::int64_t>(now.wall_s * 1000);
  RunOpened opened = config_.opened;
  opened.time = now.wall_s;
  output_.events.push_back(std::move(opened));
  for (std::uint32_t stage = 0; stage < plan_.stages.size(); ++stage)
    restore_stage(stage, store, now.wall_s);
  restore_failures();
  history_.reset();
}

void Coordinator::restore_stage(std::uint32_t stage, const StoreLookup& store, double wall_s) {
  const Stage& planned = plan_.stages[stage];
  const History::Past& past = history_->past(stage);
  scheduler_.restore_attempts(stage, past.attempts, config_.retry_failed ? 0 : past.failures);
  if (leaves_nothing(planned)) {
    if (past.ended == History::Ended::done)
      scheduler_.restore_done(stage, past.attempts, past.seconds);
    return;
  }
  std::optional<StageResult> stored = store(planned.key);
  if (past.ended == History::Ended::done && stored)
    return scheduler_.restore_done(stage, past.attempts, past.seconds);
  if (!stored) {
    if (past.ended == History::Ended::done || past.ended == History::Ended::reused)
      log_event(Level::warning, "stage_gone_from_store", {{"stage", planned.name}});
    return;
  }
  scheduler_.on_reused(stage);
  if (past.ended != History::Ended::reused)
    output_.events.push_back(StageReused{wall_s, planned.key, std::move(*stored)});
}

// After all good ends, so that only what really depends on a failure is blocked.
void Coordinator::restore_failures() {
  if (config_.retry_failed) return;
  for (std::uint32_t stage = 0; stage < plan_.stages.size(); ++stage) {
    const History::Past& past = history_->past(stage);
    if (past.ended == History::Ended::failed)
      scheduler_.restore_failed(stage, past.code, history_->message(stage));
  }
}

}  // namespace vlsweep
