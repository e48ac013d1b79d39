// Which stage runs on which rank, and when: a pure state machine over a plan. Events go in (on_*),
// orders come out (take_orders); no clock, socket, file or thread; the same events give the
// same decisions. The longest path goes first, a rank prefers what needs the model that it holds,
// small stages travel together, and a rank has its next stage before it ends the one it runs.
//
// One owner, one thread. The plan must outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "orchestrator/protocol/plan.h"
#include "orchestrator/scheduler/cost_model.h"
#include "orchestrator/scheduler/rank_table.h"
#include "orchestrator/scheduler/ready_queue.h"
#include "orchestrator/scheduler/stage_table.h"

namespace vlsweep {

struct SchedulerOptions {
  RankTable::Limits limits;
  // A rank with nothing to do takes over what waits behind another's stage, if it is this much.
  double least_worth_moving_s = 0.05;
};

// An attempt at a stage for a rank: to be put at the end of its queue, or taken from it.
struct Order {
  enum class Action { assign, withdraw };
  Action action = Action::assign;
  std::uint32_t rank = 0;
  std::uint32_t stage = 0;
  std::uint32_t attempt = 0;
};

// What became of a report on an attempt.
enum class ReportOutcome {
  accepted,
  stale,    // not the current attempt of that stage on that rank: dropped
  retried,  // the attempt failed and another will follow
  failed    // the attempt failed and was the last; what depends on it is blocked
};

// An attempt that ended with its rank.
struct LostAttempt {
  std::uint32_t stage = 0;
  std::uint32_t attempt = 0;
  bool final = false;  // no attempt is left
};

class Scheduler {
 public:
  explicit Scheduler(const Plan& plan, SchedulerOptions options = {});

  // What a journal or the store know already; before any rank joins, ends before failures.
  void restore_attempts(std::uint32_t stage, std::uint32_t attempts, std::uint32_t failures);
  void restore_done(std::uint32_t stage, std::uint32_t attempt, double seconds);
  void restore_failed(std::uint32_t stage, Errc code, std::string message);
  void on_reused(std::uint32_t stage);

  void on_rank_joined(std::uint32_t rank, const RankOffer& offer);
  // Its running stages have failed with `reason`, its queued ones are free for others.
  std::vector<LostAttempt> on_rank_lost(std::uint32_t rank, const std::string& reason);
  ReportOutcome on_started(std::uint32_t rank, std::uint32_t stage, std::uint32_t attempt,
                           double now);
  ReportOutcome on_finished(std::uint32_t rank, std::uint32_t stage, std::uint32_t attempt,
                            double seconds);
  ReportOutcome on_failed(std::uint32_t rank, std::uint32_t stage, std::uint32_t attempt, Errc code,
                          std::string message);
  // Ends a stage as failed (cancelled); nothing happens to one that has ended.
  void cancel(std::uint32_t stage);
  // Takes everything back from the ranks and gives out nothing more.
  void stop();
  // With nothing running: fails every ready stage that no rank suits. Returns those stages.
  std::vector<std::uint32_t> fail_unplaceable();

  // Orders to be carried out one after another. Called once after a number of events.
  std::vector<Order> take_orders();

  const StageCounts& counts() const { return table_.counts(); }
  bool ended() const { return counts().ended() == counts().planned; }
  // Ready stages that nobody runs while all ranks are idle: see fail_unplaceable.
  bool stalled() const;
  const StageState& state(std::uint32_t stage) const { return table_.state(stage); }
  std::uint32_t attempts(std::uint32_t stage) const { return table_.attempts(stage); }
  // Whether it is the current attempt of that stage on that rank.
  bool current(std::uint32_t rank, std::uint32_t stage, std::uint32_t attempt) const;
  // Why a stage failed for good, or its last attempt did; empty if none did.
  const std::string& reason(std::uint32_t stage) const;
  std::uint64_t stale_reports() const { return stale_reports_; }
  double remaining_s() const { return table_.remaining_s(); }
  std::uint32_t num_ranks() const { return ranks_.num_alive(); }

  // Walks every cross-reference (O(stages)); an error says what does not add up (our bug).
  Result<> check_invariants() const;

 private:
  // scheduler.cpp: transitions
  struct Holder {
    std::uint32_t rank = 0;
    std::uint32_t attempt = 0;
  };
  std::optional<Holder> held_by(std::uint32_t stage) const;
  void end_well(std::uint32_t stage, StageState state);
  void make_available(std::uint32_t stage);  // ready, or waiting for its parents again
  void take_back(std::uint32_t stage);       // from the rank that has it, without a failure
  void take_back_followers(std::uint32_t stage, std::uint32_t rank);
  bool fail_attempt(std::uint32_t stage, Errc code, std::string message);
  void fail_for_good(std::uint32_t stage, Errc code, std::string message);
  void block_descendants(std::uint32_t culprit);
  ReportOutcome count_stale();

  // placement.cpp: choices
  void refresh_costs();
  void fill_all(const std::vector<std::uint32_t>& ranks, RankTable::Depth depth);
  void fill(std::uint32_t rank, std::uint64_t share, RankTable::Depth depth);
  std::optional<std::uint32_t> choose(std::uint32_t rank);
  std::optional<std::uint32_t> best_near(std::uint32_t rank);
  std::optional<std::uint32_t> best_chained(std::uint32_t rank, std::uint32_t parent) const;
  std::optional<std::uint32_t> best_far(std::uint32_t rank);
  bool can_follow(std::uint32_t stage, std::uint32_t rank) const;
  bool residency_is_free(std::uint32_t near, std::uint32_t far) const;
  void assign(std::uint32_t rank, std::uint32_t stage);
  void assign_followers(std::uint32_t rank, std::uint32_t stage);
  void share_work();
  bool take_over_for(std::uint32_t idle_rank);

  SchedulerOptions options_;
  StageTable table_;
  ReadyQueue ready_;
  RankTable ranks_;
  CostModel costs_;
  std::vector<Order> orders_;
  std::unordered_map<std::uint32_t, std::string> reasons_;
  std::uint64_t stale_reports_ = 0;
  bool stopped_ = false;
};

// Whether an attempt that failed like this is worth another.
bool worth_retrying(Errc code);

}  // namespace vlsweep
