// What is handed out to whom, and in which order.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/scheduler/ranks.h"

namespace vlsweep::testing {
namespace {

TEST(Placement, TheLongestPathGoesFirst) {
  const Plan plan =
      plan_of({make_stage(0, StageKind::tune, {}, 5), make_stage(1, StageKind::tune, {}, 3),
               make_stage(2, StageKind::respond, {1}, 20), make_stage(3, StageKind::tune, {}, 9)});
  Ranks ranks(plan);
  ranks.join(1);
  ranks.join(2);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1].front(), 1U) << "3 s, but 23 s to the end";
  EXPECT_EQ(ranks.queues[2].front(), 3U);
}

TEST(Placement, LearnedCostsChangeTheOrder) {
  const Plan plan =
      plan_of({make_stage(0, StageKind::respond, {}, 20), make_stage(1, StageKind::tune, {}, 10),
               make_stage(2, StageKind::tune, {}, 15), make_stage(3, StageKind::respond, {}, 16)});
  Ranks ranks(plan);
  ranks.join(1);
  ranks.tell();
  ASSERT_EQ(ranks.queues[1], (std::vector<std::uint32_t>{0, 3}));
  EXPECT_EQ(ranks.finish(1, 2), 0U);  // a tenth of the estimate: 3 is now 1.6 s
  EXPECT_EQ(ranks.finish(1, 1.6), 3U);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1].front(), 2U);
}

TEST(Placement, ARankHasItsNextStageBeforeItEndsTheFirst) {
  const Plan plan = sweep_plan(4, 2);
  Ranks ranks(plan);
  ranks.join(1);
  ranks.tell();
  while (!ranks.scheduler.ended()) {
    ranks.start(1);
    ranks.tell();
    if (ranks.scheduler.counts().ended() + 1 < plan.stages.size()) {
      ASSERT_GE(ranks.queues[1].size(), 2U) << "after " << ranks.scheduler.counts().ended();
    }
    ranks.finish(1, plan.stages[ranks.queues[1].front()].cost_s);
  }
}

TEST(Placement, JudgingTravelsWithItsResponses) {
  const Plan plan = plan_of(
      {make_stage(0, StageKind::tune, {}, 10), make_stage(1, StageKind::respond, {0}, 1),
       make_stage(2, StageKind::judge, {1}, 0.01), make_stage(3, StageKind::respond, {0}, 1),
       make_stage(4, StageKind::judge, {3}, 0.01)});
  Ranks ranks(plan);
  ranks.scheduler.on_reused(0);
  ranks.join(1);
  ranks.join(2);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1], (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(ranks.queues[2], (std::vector<std::uint32_t>{3, 4}));
}

TEST(Placement, ARankKeepsTheCheckpointThatItHolds) {
  // Two tunes that just ended, with two suites each, and much other work.
  std::vector<Stage> stages{make_stage(0, StageKind::tune, {}, 10),
                            make_stage(1, StageKind::tune, {}, 10)};
  for (std::uint32_t i = 2; i < 6; ++i)
    stages.push_back(make_stage(i, StageKind::respond, {i % 2}, 1));
  for (std::uint32_t i = 6; i < 20; ++i) stages.push_back(make_stage(i, StageKind::tune, {}, 10));
  const Plan plan = plan_of(std::move(stages));
  Ranks ranks(plan);
  ranks.join(1);
  ranks.join(2);
  ranks.tell();
  std::map<std::uint32_t, std::uint32_t> rank_of;
  for (int turn = 0; turn < 4; ++turn)
    for (const std::uint32_t rank : {1U, 2U}) {
      ranks.start(rank);
      ranks.tell();
      const std::uint32_t stage = ranks.queues[rank].front();
      rank_of[stage] = rank;
      ranks.finish(rank, plan.stages[stage].cost_s);
      ranks.tell();
    }
  for (std::uint32_t i = 2; i < 6; ++i) {
    ASSERT_TRUE(rank_of.contains(i)) << "suites of a warm checkpoint come before other tunes";
    EXPECT_EQ(rank_of[i], rank_of[i % 2]) << "respond " << i;
  }
}

TEST(Placement, ResidencyDoesNotDelayTheLongestPathAtTheEnd) {
  // Rank 1 holds checkpoint 0. What is left: its suite (1 s), and a long path (100 s).
  const Plan plan =
      plan_of({make_stage(0, StageKind::tune, {}, 10), make_stage(1, StageKind::respond, {0}, 1),
               make_stage(2, StageKind::respond, {}, 1), make_stage(3, StageKind::tune, {2}, 100)});
  Ranks ranks(plan);
  ranks.scheduler.on_reused(2);
  ranks.join(1);
  ranks.scheduler.on_reused(0);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1].front(), 3U);
}

TEST(Placement, AWideStageHasItsHostForItself) {
  const Plan plan =
      plan_of({make_stage(0, StageKind::tune, {}, 20, 1), make_stage(1, StageKind::tune, {}, 10, 2),
               make_stage(2, StageKind::tune, {}, 5, 1), make_stage(3, StageKind::tune, {}, 5, 1)});
  Ranks ranks(plan);
  ranks.join(1);
  ranks.join(2);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1], (std::vector<std::uint32_t>{0, 1}));
  EXPECT_TRUE(ranks.queues[2].empty()) << "kept free for stage 1, which comes next";
  ranks.start(1);
  ranks.finish(1, 20);
  ranks.start(1);
  ranks.tell();
  EXPECT_TRUE(ranks.queues[2].empty());
  ranks.finish(1, 10);
  ranks.tell();
  EXPECT_FALSE(ranks.queues[2].empty());
}

TEST(Placement, MoreCoresThanTheHostHasMeansTheWholeHost) {
  const Plan plan = plan_of({make_stage(0, StageKind::tune, {}, 5, 64)});
  Ranks ranks(plan);
  ranks.join(1, "laptop", 2);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1], (std::vector<std::uint32_t>{0}));
}

TEST(Placement, OneHostIsKeptFreeForAWideStageAndTheOthersGoOn) {
  std::vector<Stage> stages{make_stage(0, StageKind::tune, {}, 50, 2)};
  for (std::uint32_t i = 1; i < 20; ++i)
    stages.push_back(make_stage(i, StageKind::tune, {}, i < 5 ? 60 : 10, 1));
  const Plan plan = plan_of(std::move(stages));
  Ranks ranks(plan);
  for (std::uint32_t rank = 1; rank <= 4; ++rank) ranks.join(rank, rank <= 2 ? "a" : "b");
  ranks.tell();
  for (std::uint32_t rank = 1; rank <= 4; ++rank) EXPECT_EQ(ranks.queues[rank].front(), rank);
  EXPECT_EQ(ranks.queues[1].size() + ranks.queues[2].size(), 2U) << "host a waits for stage 0";
  EXPECT_EQ(ranks.queues[3].size() + ranks.queues[4].size(), 4U);
  ranks.finish(1, 60);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1], (std::vector<std::uint32_t>{}));
  EXPECT_EQ(ranks.queues[2], (std::vector<std::uint32_t>{2, 0})) << "alone on its host from here";
}

TEST(Placement, GpuStagesGoToRanksWithGpus) {
  std::vector<Stage> stages{make_stage(0, StageKind::tune, {}, 5),
                            make_stage(1, StageKind::judge, {}, 5)};
  stages[0].resources.gpus = 1;
  const Plan plan = plan_of(std::move(stages));
  Ranks ranks(plan);
  ranks.join(1, "cpu", 2, 0);
  ranks.join(2, "gpu", 2, 1);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1], (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(ranks.queues[2], (std::vector<std::uint32_t>{0}));
}

TEST(Placement, WhatNoRankSuitsFailsWithTheReason) {
  std::vector<Stage> stages{make_stage(0, StageKind::tune, {}, 5),
                            make_stage(1, StageKind::respond, {0}, 5)};
  stages[0].resources.gpus = 1;
  stages[0].resources.gpu_memory = 80ULL << 30;
  const Plan plan = plan_of(std::move(stages));
  Ranks ranks(plan);
  EXPECT_FALSE(ranks.scheduler.stalled()) << "nobody is here yet";
  ranks.join(1);
  ranks.tell();
  EXPECT_TRUE(ranks.scheduler.stalled());
  EXPECT_EQ(ranks.scheduler.fail_unplaceable(), (std::vector<std::uint32_t>{0}));
  EXPECT_EQ(ranks.scheduler.reason(0), "no rank has what it needs: 1 GPUs of 80 GiB");
  EXPECT_TRUE(ranks.scheduler.ended());
}

TEST(Placement, AnIdleRankTakesOverWhatWaitsBehindAnother) {
  const Plan plan =
      plan_of({make_stage(0, StageKind::tune, {}, 60), make_stage(1, StageKind::tune, {}, 60)});
  Ranks ranks(plan);
  ranks.join(1);
  ranks.tell();
  ASSERT_EQ(ranks.queues[1], (std::vector<std::uint32_t>{0, 1}));
  ranks.start(1);
  ranks.join(2);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1], (std::vector<std::uint32_t>{0}));
  EXPECT_EQ(ranks.queues[2], (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(ranks.scheduler.attempts(1), 2U);
}

TEST(Placement, WhatFollowsAFailedParentIsTakenBack) {
  const Plan plan =
      plan_of({make_stage(0, StageKind::tune, {}, 60), make_stage(1, StageKind::respond, {0}, 1),
               make_stage(2, StageKind::judge, {1}, 0.1)});
  Ranks ranks(plan);
  ranks.join(1);
  ranks.tell();
  ASSERT_EQ(ranks.queues[1], (std::vector<std::uint32_t>{0, 1, 2}));
  ranks.start(1);
  EXPECT_EQ(ranks.scheduler.on_failed(1, 0, 1, Errc::io, "disk"), ReportOutcome::retried);
  ranks.queues[1].erase(ranks.queues[1].begin());
  ranks.tell();
  EXPECT_EQ(ranks.queues[1], (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(ranks.scheduler.attempts(2), 2U);
}

TEST(Placement, SmallStagesAreSharedOutEvenlyAndInBatches) {
  const Plan plan = noop_plan(100'000);
  Ranks ranks(plan);
  ranks.join(1);
  ranks.join(2);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1].size(), 1024U);
  EXPECT_EQ(ranks.queues[2].size(), 1024U);
  for (int i = 0; i < 400; ++i) ranks.finish(1, 0);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1].size(), 624U) << "not refilled one by one";
  for (int i = 0; i < 200; ++i) ranks.finish(1, 0);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1].size(), 1024U);
}

TEST(Placement, FewStagesAreSpreadOverTheRanks) {
  const Plan plan = noop_plan(10);
  Ranks ranks(plan);
  for (std::uint32_t rank = 1; rank <= 5; ++rank) ranks.join(rank, "big", 64);
  ranks.tell();
  for (std::uint32_t rank = 1; rank <= 5; ++rank) EXPECT_EQ(ranks.queues[rank].size(), 2U);
}

TEST(Placement, TheSameEventsGiveTheSameOrders) {
  std::mt19937_64 random(5);
  const Plan plan = random_plan(500, random);
  const auto play = [&] {
    Ranks ranks(plan);
    for (std::uint32_t rank = 1; rank <= 7; ++rank) ranks.join(rank, rank < 4 ? "a" : "b");
    std::vector<std::uint32_t> order;
    while (!ranks.scheduler.ended()) {
      ranks.tell();
      for (std::uint32_t rank = 1; rank <= 7; ++rank)
        if (!ranks.queues[rank].empty()) order.push_back(ranks.finish(rank, 0.1));
    }
    return order;
  };
  EXPECT_EQ(play(), play());
}

TEST(Placement, TwoRanksEndASweepInLittleMoreThanHalfTheTime) {
  const Plan plan = sweep_plan(12, 4);
  double total = 0;
  for (const Stage& stage : plan.stages) total += stage.cost_s;
  Ranks ranks(plan);
  ranks.join(1);
  ranks.join(2);
  std::map<std::uint32_t, double> free_at{{1, 0}, {2, 0}};
  double now = 0;
  std::set<std::uint32_t> running;
  while (!ranks.scheduler.ended()) {
    ranks.tell();
    for (const std::uint32_t rank : {1U, 2U})
      if (!running.contains(rank) && !ranks.queues[rank].empty()) {
        ranks.start(rank);
        running.insert(rank);
        free_at[rank] = now + plan.stages[ranks.queues[rank].front()].cost_s;
      }
    ASSERT_FALSE(running.empty());
    const std::uint32_t next = running.size() == 1        ? *running.begin()
                               : free_at[1] <= free_at[2] ? 1
                                                          : 2;
    now = free_at[next];
    running.erase(next);
    ranks.finish(next, plan.stages[ranks.queues[next].front()].cost_s);
  }
  // The pretraining (30 s) has the host to itself; all the rest can be done by both.
  EXPECT_LT(now, 30 + (total - 30) / 2 * 1.05);
}

}  // namespace
}  // namespace vlsweep::testing
