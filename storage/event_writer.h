// Folds events of the journal into the rows of results.db. What several events of one call say
// about one stage is gathered and written once: 100,000 stages a second want few statements each.
//
// Belongs to the Projection, inside its transaction; one thread.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "orchestrator/protocol/event.h"
#include "orchestrator/protocol/plan.h"
#include "storage/sqlite.h"
#include "storage/stage_states.h"

namespace vlsweep {

class EventWriter {
 public:
  // Reads where the stages stand from the database, which must hold the plan's rows.
  static Result<EventWriter> create(const sqlite::Database& db, const Plan& plan);

  // The event must live until flush().
  Result<> add(std::uint64_t sequence, const Event& event);
  // Writes what was gathered, and the trials' states.
  Result<> flush();

  StageState state(std::uint32_t stage) const { return states_.state(stage); }
  std::size_t num_stages() const { return names_.size(); }
  // Remembers that the stage has rows in `live`, to be removed when it ends.
  void mark_live(std::uint32_t stage) { live_.insert(stage); }

 private:
  // What is known of one attempt of a stage and not yet written; pointers into the caller's events.
  struct Change {
    const StageStarted* started = nullptr;
    const StageDone* done = nullptr;
    const StageReused* reused = nullptr;
    const StageFailed* failed = nullptr;
    bool ended() const { return done != nullptr || reused != nullptr || failed != nullptr; }
  };
  struct Statements {
    sqlite::Statement event, run_opened, run_interrupted, run_closed, rank_joined, rank_lost,
        ranks_gone, stage_started, stage_done, stage_failed, stage_stopped, attempt_lost, attempt,
        metrics_gone, metric, verdicts, live_gone, live_points_gone, trial;
  };

  EventWriter(const Plan& plan, StageStates states);
  static Result<Statements> prepare(const sqlite::Database& db);

  Result<> write_event(std::uint64_t sequence, const Event& event);
  const std::uint32_t* index_of(const Key& key) const;

  Result<> fold(const RunOpened& e);
  Result<> fold(const RankJoined& e);
  Result<> fold(const RankLost& e);
  Result<> fold(const StageStarted& e);
  Result<> fold(const StageDone& e);
  Result<> fold(const StageReused& e);
  Result<> fold(const StageFailed& e);
  Result<> fold(const RunClosed& e);

  Result<> write_changes();
  Result<> write(std::uint32_t stage, const Change& change);
  Result<> write_attempt(std::uint32_t stage, const Change& change);
  Result<> write_result(std::uint32_t stage, const StageResult& result);
  // Stages that run on the rank (or on any: all_ranks) will have to be tried again.
  Result<> stop_running(const std::uint32_t* rank, double time, const std::string& reason);
  Result<> remove_live(std::uint32_t stage);

  std::unordered_map<Key, std::uint32_t, KeyHash> index_;
  std::vector<std::string> names_;
  std::vector<StageKind> kinds_;
  StageStates states_;
  std::unordered_set<std::uint32_t> live_;
  std::unordered_map<std::uint32_t, Change> changes_;
  Statements sql_;
};

}  // namespace vlsweep
