// Which stage runs on which rank, and when: a pure state machine over a plan. Events go in (on_*),
// orders come out (take_orders); no clock, socket, file or thread; the same events give the
// same decisions. The longest path goes first, a rank prefers what needs the model that it holds,
// small stages travel together, and a rank has its next stage before it ends the one it runs. A
// stage may want several ranks at once, a gang: see gangs.cpp for how they come together.
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
  // The rank's place in the stage's gang. Member 0 speaks for all; the others report a failure.
  std::uint32_t member = 0;
  std::uint32_t members = 1;
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
  // Of any member of a gang: then the attempt has failed for all.
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
  std::optional<Holder> held_by(std::uint32_t stage) const;  // of a gang: member 0
  std::vector<std::uint32_t> members_of(std::uint32_t stage) const;
  bool takes_part(std::uint32_t rank, std::uint32_t stage) const;
  // Takes a held stage out of its ranks' queues; those but `silent` are told.
  void take_from_ranks(std::uint32_t stage, std::optional<std::uint32_t> silent);
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
  std::optional<std::uint32_t> choose_alone(std::uint32_t rank);
  std::optional<std::uint32_t> best_near(std::uint32_t rank);
  std::optional<std::uint32_t> best_chained(std::uint32_t rank, std::uint32_t parent) const;
  std::optional<std::uint32_t> best_far(std::uint32_t rank);
  bool can_follow(std::uint32_t stage, std::uint32_t rank) const;
  bool residency_is_free(std::uint32_t near, std::uint32_t far) const;
  void assign(std::uint32_t rank, std::uint32_t stage);
  void assign_followers(std::uint32_t rank, std::uint32_t stage);
  void share_work();
  bool take_over_for(std::uint32_t idle_rank);

  // gangs.cpp: stages for several ranks
  struct Gathering {
    std::uint32_t stage = 0;
    // Of each rank that is kept: seconds of other work that it may still be given.
    std::unordered_map<std::uint32_t, double> spare_s;
  };
  void place_gangs(bool after_others);
  std::optional<std::uint32_t> best_gang();
  bool goes_before_all_others(std::uint32_t gang);
  std::vector<std::uint32_t> candidates(const Resources& needs) const;
  std::vector<std::uint32_t> pick(std::vector<std::uint32_t> from, std::uint32_t count) const;
  std::vector<std::uint32_t> free_members(std::uint32_t gang) const;
  void gather(std::uint32_t gang);
  void stop_gathering();
  bool may_begin_before_gang(std::uint32_t rank, std::uint32_t stage);
  void assign_gang(std::uint32_t stage, const std::vector<std::uint32_t>& members);

  SchedulerOptions options_;
  StageTable table_;
  ReadyQueue ready_;
  RankTable ranks_;
  CostModel costs_;
  std::vector<Order> orders_;
  bool has_gangs_ = false;  // the plan has a stage for several ranks
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> gangs_;  // held stage -> ranks
  std::optional<Gathering> gathering_;
  std::unordered_map<std::uint32_t, std::string> reasons_;
  std::uint64_t stale_reports_ = 0;
  bool stopped_ = false;
};

// Whether an attempt that failed like this is worth another.
bool worth_retrying(Errc code);

}  // namespace vlsweep
