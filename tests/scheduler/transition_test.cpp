// Every state of a stage and every event, "ignored" included.
#include <gtest/gtest.h>

#include <functional>

#include "orchestrator/scheduler/scheduler.h"
#include "tests/coordinator/plans.h"

namespace vlsweep::testing {
namespace {

constexpr std::uint32_t kParent = 0, kStage = 1, kChild = 2;
constexpr std::uint32_t kRank = 1;

// parent <- stage <- child, each a tune of some length.
Plan chain() {
  Plan plan;
  plan.max_attempts = 2;
  for (std::uint32_t i = 0; i < 3; ++i)
    plan.stages.push_back(make_stage(
        i, StageKind::tune, i == 0 ? std::vector<std::uint32_t>{} : std::vector{i - 1}, 10));
  return plan;
}

const char* name_of(const StageState& state) {
  static constexpr const char* kNames[] = {"waiting", "ready",  "assigned", "running",
                                           "done",    "reused", "failed",   "blocked"};
  return kNames[state.index()];
}

// The scheduler with kStage in each state; a rank is there where it can be.
struct World {
  Plan plan = chain();
  Scheduler scheduler{plan};
  std::uint32_t attempt = 0;  // of kStage, where it has one

  explicit World(const std::string& state) { reach(state); }
  void reach(const std::string& state) {
    if (state == "waiting") return;
    if (state == "blocked") return scheduler.cancel(kParent);
    scheduler.on_reused(kParent);
    if (state == "ready") return;
    if (state == "reused") return scheduler.on_reused(kStage);
    if (state == "failed") return scheduler.cancel(kStage);
    scheduler.on_rank_joined(kRank, {"host", 2, 0, 0});
    (void)scheduler.take_orders();
    attempt = scheduler.attempts(kStage);
    if (state == "assigned") return;
    (void)scheduler.on_started(kRank, kStage, attempt, 0);
    if (state == "done") (void)scheduler.on_finished(kRank, kStage, attempt, 10);
  }
};

const char* text_of(ReportOutcome outcome) {
  switch (outcome) {
    case ReportOutcome::accepted:
      return "accepted";
    case ReportOutcome::stale:
      return "stale";
    case ReportOutcome::retried:
      return "retried";
    case ReportOutcome::failed:
      return "failed";
  }
  return "";
}

struct Row {
  const char* state;
  const char* event;
  std::function<std::string(World&)> apply;
  const char* answer;
  const char* state_after;
  const char* child_after;
};

std::string started(World& w) {
  return text_of(w.scheduler.on_started(kRank, kStage, w.attempt, 1));
}
std::string finished(World& w) {
  return text_of(w.scheduler.on_finished(kRank, kStage, w.attempt, 1));
}
std::string failed(World& w) {
  return text_of(w.scheduler.on_failed(kRank, kStage, w.attempt, Errc::io, "disk"));
}
std::string failed_for_good(World& w) {
  return text_of(w.scheduler.on_failed(kRank, kStage, w.attempt, Errc::diverged, "nan"));
}
std::string finished_by_another(World& w) {
  return text_of(w.scheduler.on_finished(kRank + 1, kStage, w.attempt, 1));
}
std::string finished_of_old_attempt(World& w) {
  return text_of(w.scheduler.on_finished(kRank, kStage, w.attempt - 1, 1));
}
std::string reused(World& w) {
  w.scheduler.on_reused(kStage);
  return "";
}
std::string cancelled(World& w) {
  w.scheduler.cancel(kStage);
  return "";
}
std::string rank_lost(World& w) {
  std::string lost;
  for (const LostAttempt& attempt : w.scheduler.on_rank_lost(kRank, "silent"))
    lost += std::to_string(attempt.stage) + (attempt.final ? " final" : " again");
  return lost;
}

TEST(Scheduler, EveryStateAnswersEveryEvent) {
  const std::vector<Row> rows{
      {"waiting", "started", started, "stale", "waiting", "waiting"},
      {"waiting", "finished", finished, "stale", "waiting", "waiting"},
      {"waiting", "failed", failed, "stale", "waiting", "waiting"},
      {"waiting", "reused", reused, "", "reused", "ready"},
      {"waiting", "cancelled", cancelled, "", "failed", "blocked"},
      {"waiting", "rank lost", rank_lost, "", "waiting", "waiting"},
      {"ready", "started", started, "stale", "ready", "waiting"},
      {"ready", "finished", finished, "stale", "ready", "waiting"},
      {"ready", "failed", failed, "stale", "ready", "waiting"},
      {"ready", "reused", reused, "", "reused", "ready"},
      {"ready", "cancelled", cancelled, "", "failed", "blocked"},
      {"ready", "rank lost", rank_lost, "", "ready", "waiting"},
      {"assigned", "started", started, "accepted", "running", "assigned"},
      {"assigned", "finished", finished, "accepted", "done", "assigned"},
      {"assigned", "failed", failed, "retried", "ready", "waiting"},
      {"assigned", "failed for good", failed_for_good, "failed", "failed", "blocked"},
      {"assigned", "finished by another", finished_by_another, "stale", "assigned", "assigned"},
      {"assigned", "finished, old", finished_of_old_attempt, "stale", "assigned", "assigned"},
      {"assigned", "reused", reused, "", "reused", "ready"},
      {"assigned", "cancelled", cancelled, "", "failed", "blocked"},
      {"assigned", "rank lost", rank_lost, "", "ready", "waiting"},
      {"running", "started", started, "stale", "running", "assigned"},
      {"running", "finished", finished, "accepted", "done", "assigned"},
      {"running", "failed", failed, "retried", "ready", "waiting"},
      {"running", "failed for good", failed_for_good, "failed", "failed", "blocked"},
      {"running", "finished by another", finished_by_another, "stale", "running", "assigned"},
      {"running", "finished, old", finished_of_old_attempt, "stale", "running", "assigned"},
      {"running", "reused", reused, "", "reused", "ready"},
      {"running", "cancelled", cancelled, "", "failed", "blocked"},
      {"running", "rank lost", rank_lost, "1 again", "ready", "waiting"},
      {"done", "started", started, "stale", "done", "assigned"},
      {"done", "finished", finished, "stale", "done", "assigned"},
      {"done", "failed", failed, "stale", "done", "assigned"},
      {"done", "reused", reused, "", "done", "assigned"},
      {"done", "cancelled", cancelled, "", "done", "assigned"},
      {"done", "rank lost", rank_lost, "", "done", "ready"},
      {"reused", "started", started, "stale", "reused", "ready"},
      {"reused", "finished", finished, "stale", "reused", "ready"},
      {"reused", "failed", failed, "stale", "reused", "ready"},
      {"reused", "reused", reused, "", "reused", "ready"},
      {"reused", "cancelled", cancelled, "", "reused", "ready"},
      {"reused", "rank lost", rank_lost, "", "reused", "ready"},
      {"failed", "started", started, "stale", "failed", "blocked"},
      {"failed", "finished", finished, "stale", "failed", "blocked"},
      {"failed", "failed", failed, "stale", "failed", "blocked"},
      {"failed", "reused", reused, "", "failed", "blocked"},
      {"failed", "cancelled", cancelled, "", "failed", "blocked"},
      {"failed", "rank lost", rank_lost, "", "failed", "blocked"},
      {"blocked", "started", started, "stale", "blocked", "blocked"},
      {"blocked", "finished", finished, "stale", "blocked", "blocked"},
      {"blocked", "failed", failed, "stale", "blocked", "blocked"},
      {"blocked", "reused", reused, "", "blocked", "blocked"},
      {"blocked", "cancelled", cancelled, "", "blocked", "blocked"},
      {"blocked", "rank lost", rank_lost, "", "blocked", "blocked"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.state) + " + " + row.event);
    World world(row.state);
    ASSERT_STREQ(name_of(world.scheduler.state(kStage)), row.state);
    const std::uint64_t stale_before = world.scheduler.stale_reports();
    const std::string answer = row.apply(world);
    EXPECT_EQ(answer, row.answer);
    EXPECT_STREQ(name_of(world.scheduler.state(kStage)), row.state_after);
    EXPECT_STREQ(name_of(world.scheduler.state(kChild)), row.child_after);
    EXPECT_EQ(world.scheduler.stale_reports() - stale_before, answer == "stale" ? 1U : 0U);
    EXPECT_TRUE(world.scheduler.counts().add_up());
    const Result<> sound = world.scheduler.check_invariants();
    EXPECT_TRUE(sound) << sound.error().text();
  }
}

TEST(Scheduler, ReportsOnStagesThatDoNotExistAreStale) {
  World world("running");
  EXPECT_EQ(world.scheduler.on_finished(kRank, 99, 1, 0), ReportOutcome::stale);
  EXPECT_EQ(world.scheduler.on_started(99, kStage, 1, 0), ReportOutcome::stale);
}

TEST(Scheduler, RetriesUpToMaxAttemptsAndBlocksWhatDepends) {
  World world("running");
  EXPECT_EQ(failed(world), "retried");
  EXPECT_EQ(world.scheduler.reason(kStage), "disk");
  (void)world.scheduler.take_orders();
  EXPECT_EQ(world.scheduler.attempts(kStage), 2U);
  EXPECT_EQ(failed(world), "stale") << "of attempt 1";
  world.attempt = 2;
  EXPECT_EQ(failed(world), "failed");
  const auto* blocked = std::get_if<BlockedState>(&world.scheduler.state(kChild));
  ASSERT_NE(blocked, nullptr);
  EXPECT_EQ(blocked->culprit, kStage);
  EXPECT_TRUE(world.scheduler.ended());
}

TEST(Scheduler, RetriesOnlyWhatCanEndDifferently) {
  for (const Errc code : {Errc::invalid, Errc::corrupt, Errc::diverged, Errc::not_found})
    EXPECT_FALSE(worth_retrying(code)) << errc_name(code);
  for (const Errc code : {Errc::io, Errc::busy, Errc::out_of_memory, Errc::cancelled,
                          Errc::unavailable, Errc::internal})
    EXPECT_TRUE(worth_retrying(code)) << errc_name(code);
}

TEST(Scheduler, AnAttemptTakenBackIsNoFailure) {
  World world("assigned");
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(world.scheduler.on_rank_lost(kRank, "silent").empty());
    world.scheduler.on_rank_joined(kRank, {"host", 2, 0, 0});
    (void)world.scheduler.take_orders();
  }
  EXPECT_EQ(world.scheduler.attempts(kStage), 6U);
  EXPECT_STREQ(name_of(world.scheduler.state(kStage)), "assigned");
}

TEST(Scheduler, StopTakesEverythingBackAndGivesNothingMore) {
  World world("running");
  (void)world.scheduler.take_orders();
  world.scheduler.stop();
  const std::vector<Order> orders = world.scheduler.take_orders();
  ASSERT_EQ(orders.size(), 2U);  // the stage and the child behind it
  for (const Order& order : orders) EXPECT_EQ(order.action, Order::Action::withdraw);
  EXPECT_TRUE(world.scheduler.take_orders().empty());
  EXPECT_EQ(world.scheduler.counts().running, 0U);
}

TEST(Scheduler, WhatTheJournalKnowsIsNotDoneAgain) {
  const Plan plan = chain();
  Scheduler scheduler(plan);
  scheduler.restore_attempts(kParent, 4, 1);
  scheduler.restore_done(kParent, 4, 10);
  scheduler.restore_attempts(kStage, 7, 1);
  scheduler.on_rank_joined(kRank, {"host", 2, 0, 0});
  const std::vector<Order> orders = scheduler.take_orders();
  ASSERT_FALSE(orders.empty());
  EXPECT_EQ(orders[0].stage, kStage);
  EXPECT_EQ(orders[0].attempt, 8U) << "attempts go on counting";
  EXPECT_EQ(scheduler.on_failed(kRank, kStage, 8, Errc::io, ""), ReportOutcome::failed)
      << "failures go on counting";
}

}  // namespace
}  // namespace vlsweep::testing
