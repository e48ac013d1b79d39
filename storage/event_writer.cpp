#include "storage/event_writer.h"

#include <algorithm>
#include <utility>

#include "storage/event_text.h"
#include "storage/plan_rows.h"

namespace vlsweep {

EventWriter::EventWriter(const Plan& plan, StageStates states) : states_(std::move(states)) {
  index_.reserve(plan.stages.size());
  for (std::uint32_t i = 0; i < plan.stages.size(); ++i) {
    index_.emplace(plan.stages[i].key, i);
    names_.push_back(plan.stages[i].name);
    kinds_.push_back(plan.stages[i].kind);
  }
}

Result<EventWriter> EventWriter::create(const sqlite::Database& db, const Plan& plan) {
  VLSWEEP_TRY(StageStates states, read_stage_states(db, plan));
  EventWriter writer(plan, std::move(states));
  VLSWEEP_TRY(writer.sql_, prepare(db));
  VLSWEEP_TRY(sqlite::Statement live, db.prepare("SELECT stage FROM live"));
  for (;;) {
    VLSWEEP_TRY(const bool row, live.step());
    if (!row) return writer;
    writer.mark_live(static_cast<std::uint32_t>(live.integer(0)));
  }
}

const std::uint32_t* EventWriter::index_of(const Key& key) const {
  const auto at = index_.find(key);
  return at == index_.end() ? nullptr : &at->second;
}

Result<> EventWriter::add(std::uint64_t sequence, const Event& event) {
  VLSWEEP_CHECK_OK(write_event(sequence, event));
  return std::visit([this](const auto& e) { return fold(e); }, event);
}

Result<> EventWriter::flush() {
  VLSWEEP_CHECK_OK(write_changes());
  return states_.for_changed_trials([this](std::uint32_t trial, StageState state) {
    return sql_.trial.run(stage_state_name(state), trial);
  });
}

Result<> EventWriter::write_event(std::uint64_t sequence, const Event& event) {
  const Key* key = nullptr;
  if (const auto* started = std::get_if<StageStarted>(&event)) key = &started->key;
  if (const auto* done = std::get_if<StageDone>(&event)) key = &done->key;
  const std::uint32_t* stage = key != nullptr ? index_of(*key) : nullptr;
  if (stage != nullptr && kinds_[*stage] == StageKind::noop) return {};
  const EventRow row = event_row(event, [this](const Key& k) {
    const std::uint32_t* index = index_of(k);
    return index != nullptr ? names_[*index] : "stage " + k.short_hex() + " (of an earlier plan)";
  });
  const std::uint32_t* of = row.key ? index_of(*row.key) : nullptr;
  return sql_.event.run(static_cast<std::int64_t>(sequence), row.time, row.kind,
                        of != nullptr ? std::optional(*of) : std::nullopt, row.rank, row.text);
}

Result<> EventWriter::fold(const RunOpened& e) {
  VLSWEEP_CHECK_OK(stop_running(nullptr, e.time, "the run was interrupted"));
  VLSWEEP_CHECK_OK(sql_.run_interrupted.run());
  VLSWEEP_CHECK_OK(sql_.ranks_gone.run(e.time, "the run was taken up again"));
  return sql_.run_opened.run(e.time, e.host, e.pid, e.version, e.commit, e.libraries,
                             e.plan_digest);
}

Result<> EventWriter::fold(const RankJoined& e) {
  return sql_.rank_joined.run(e.rank, e.host, e.pid, e.device, e.versions, e.time);
}

Result<> EventWriter::fold(const RankLost& e) {
  VLSWEEP_CHECK_OK(stop_running(&e.rank, e.time, "rank lost: " + e.reason));
  return sql_.rank_lost.run(e.time, e.reason, e.rank);
}

Result<> EventWriter::fold(const RunClosed& e) {
  VLSWEEP_CHECK_OK(stop_running(nullptr, e.time, "the run was closed: " + e.outcome));
  VLSWEEP_CHECK_OK(sql_.ranks_gone.run(e.time, "the run was closed"));
  return sql_.run_closed.run(e.time, e.outcome);
}

Result<> EventWriter::fold(const StageStarted& e) {
  const std::uint32_t* stage = index_of(e.key);
  if (stage == nullptr) return {};
  Change& change = changes_[*stage];
  if (change.started != nullptr || change.ended())
    VLSWEEP_CHECK_OK(write(*stage, std::exchange(change, Change())));
  change.started = &e;
  states_.set(*stage, StageState::running, e.rank);
  return {};
}

Result<> EventWriter::fold(const StageDone& e) {
  const std::uint32_t* stage = index_of(e.key);
  if (stage == nullptr) return {};
  Change& change = changes_[*stage];
  if (change.ended()) VLSWEEP_CHECK_OK(write(*stage, std::exchange(change, Change())));
  change.done = &e;
  states_.set(*stage, StageState::done);
  return {};
}

Result<> EventWriter::fold(const StageReused& e) {
  const std::uint32_t* stage = index_of(e.key);
  if (stage == nullptr) return {};
  Change& change = changes_[*stage];
  if (change.started != nullptr || change.ended())
    VLSWEEP_CHECK_OK(write(*stage, std::exchange(change, Change())));
  change.reused = &e;
  states_.set(*stage, StageState::done);
  return {};
}

Result<> EventWriter::fold(const StageFailed& e) {
  const std::uint32_t* stage = index_of(e.key);
  if (stage == nullptr) return {};
  Change& change = changes_[*stage];
  if (change.ended()) VLSWEEP_CHECK_OK(write(*stage, std::exchange(change, Change())));
  change.failed = &e;
  states_.set(*stage, e.final ? StageState::failed : StageState::waiting);
  return {};
}

Result<> EventWriter::stop_running(const std::uint32_t* rank, double time,
                                   const std::string& reason) {
  VLSWEEP_CHECK_OK(write_changes());
  std::vector<std::uint32_t> stopped;
  for (const auto& [stage, on] : states_.running())
    if (rank == nullptr || on == *rank) stopped.push_back(stage);
  for (const std::uint32_t stage : stopped) {
    VLSWEEP_CHECK_OK(sql_.stage_stopped.run(time, reason, stage));
    VLSWEEP_CHECK_OK(sql_.attempt_lost.run(time, reason, stage));
    VLSWEEP_CHECK_OK(remove_live(stage));
    states_.set(stage, StageState::waiting);
  }
  return {};
}

Result<> EventWriter::remove_live(std::uint32_t stage) {
  if (live_.erase(stage) == 0) return {};
  VLSWEEP_CHECK_OK(sql_.live_gone.run(stage));
  return sql_.live_points_gone.run(stage);
}

}  // namespace vlsweep
