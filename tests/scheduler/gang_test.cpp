// Stages for several ranks at once: how they come together, end and fail.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/scheduler/ranks.h"

namespace vlsweep::testing {
namespace {

using Queue = std::vector<std::uint32_t>;

Stage make_gang(std::uint32_t index, std::uint16_t ranks, std::vector<std::uint32_t> parents = {},
                double cost_s = 100) {
  Stage stage = make_stage(index, StageKind::tune, std::move(parents), cost_s);
  stage.resources.ranks = ranks;
  return stage;
}

TEST(Gang, GoesToAsManyIdleRanksOfOneHostIfItCan) {
  const Plan plan = plan_of({make_gang(0, 2)});
  Ranks ranks(plan);
  ranks.join(1, "a");
  ranks.tell();
  EXPECT_TRUE(ranks.queues[1].empty()) << "one rank is not enough";
  ranks.join(2, "b");
  ranks.join(3, "b");
  std::vector<Order> orders = ranks.scheduler.take_orders();
  ASSERT_EQ(orders.size(), 2U);
  for (std::uint32_t i = 0; i < 2; ++i) {
    EXPECT_EQ(orders[i].rank, 2 + i);
    EXPECT_EQ(orders[i].member, i);
    EXPECT_EQ(orders[i].members, 2U);
    EXPECT_EQ(orders[i].attempt, 1U);
  }
}

TEST(Gang, SpansHostsWhereNoneHasEnoughRanks) {
  const Plan plan = plan_of({make_gang(0, 3)});
  Ranks ranks(plan);
  for (std::uint32_t rank = 1; rank <= 4; ++rank) ranks.join(rank, rank <= 2 ? "a" : "b");
  ranks.tell();
  for (std::uint32_t rank = 1; rank <= 3; ++rank) EXPECT_EQ(ranks.queues[rank], Queue{0});
  EXPECT_TRUE(ranks.queues[4].empty());
}

TEST(Gang, SeveralRunSideBySideAndOthersBesideThem) {
  const Plan plan = plan_of(
      {make_gang(0, 2), make_gang(1, 2), make_gang(2, 2), make_stage(3, StageKind::tune, {}, 1)});
  Ranks ranks(plan);
  for (std::uint32_t rank = 1; rank <= 5; ++rank) ranks.join(rank, "big", 8);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1], Queue{0});
  EXPECT_EQ(ranks.queues[2], Queue{0});
  EXPECT_EQ(ranks.queues[3], Queue{1});
  EXPECT_EQ(ranks.queues[4], Queue{1});
  EXPECT_EQ(ranks.queues[5], Queue{3}) << "short enough to end before gang 2 can begin";
}

TEST(Gang, EndsWithItsFirstMember) {
  const Plan plan = plan_of({make_gang(0, 2), make_stage(1, StageKind::respond, {0}, 1)});
  Ranks ranks(plan);
  ranks.join(1);
  ranks.join(2);
  ranks.tell();
  ranks.start(1);
  EXPECT_EQ(ranks.scheduler.counts().running, 1U);
  EXPECT_EQ(ranks.scheduler.on_finished(2, 0, 1, 5), ReportOutcome::stale);
  ranks.finish(1, 5);
  ranks.tell();
  EXPECT_TRUE(is_good(ranks.scheduler.state(0)));
  EXPECT_EQ(ranks.queues[1].size() + ranks.queues[2].size(), 1U) << "both are free again";
}

TEST(Gang, FailsAsAWholeWhenOneMemberFails) {
  Plan plan = plan_of({make_gang(0, 3), make_stage(1, StageKind::respond, {0}, 1)});
  plan.max_attempts = 2;
  Ranks ranks(plan);
  for (std::uint32_t rank = 1; rank <= 3; ++rank) ranks.join(rank, "big", 8);
  ranks.tell();
  ranks.start(1);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1], (Queue{0, 1})) << "its child stands behind its first member";
  EXPECT_EQ(ranks.scheduler.on_failed(3, 0, 1, Errc::out_of_memory, "full"),
            ReportOutcome::retried);
  const std::vector<Order> orders = ranks.scheduler.take_orders();
  std::map<std::uint32_t, Queue> withdrawn;
  for (const Order& order : orders)
    if (order.action == Order::Action::withdraw) withdrawn[order.rank].push_back(order.stage);
  EXPECT_EQ(withdrawn[1], (Queue{0, 1}));
  EXPECT_EQ(withdrawn[2], Queue{0});
  EXPECT_FALSE(withdrawn.contains(3)) << "it said so itself";
  EXPECT_EQ(ranks.scheduler.attempts(0), 2U) << "one attempt for all of them";
  EXPECT_EQ(ranks.scheduler.on_failed(2, 0, 1, Errc::unavailable, "late"), ReportOutcome::stale);
  EXPECT_EQ(ranks.scheduler.on_failed(2, 0, 2, Errc::unavailable, "peer"), ReportOutcome::failed);
}

TEST(Gang, FailsWhenTheRankOfOneMemberIsLost) {
  for (const std::uint32_t lost : {1U, 2U}) {
    const Plan plan = plan_of({make_gang(0, 2)});
    Ranks ranks(plan);
    ranks.join(1);
    ranks.join(2);
    ranks.tell();
    ranks.start(1);
    const auto attempts = ranks.scheduler.on_rank_lost(lost, "gone");
    ASSERT_EQ(attempts.size(), 1U);
    EXPECT_EQ(attempts[0].stage, 0U);
    ranks.queues[lost].clear();
    ranks.tell();
    EXPECT_TRUE(ranks.queues[3 - lost].empty()) << "the other was told to stop";
    ranks.join(3);
    ranks.tell();
    EXPECT_EQ(ranks.queues[3 - lost], Queue{0});
    EXPECT_EQ(ranks.queues[3], Queue{0});
  }
}

TEST(Gang, ThatHadNotBegunLosesNoAttemptWithARank) {
  const Plan plan = plan_of({make_gang(0, 2)});
  Ranks ranks(plan);
  ranks.join(1);
  ranks.join(2);
  ranks.tell();
  EXPECT_TRUE(ranks.scheduler.on_rank_lost(2, "gone").empty());
  EXPECT_EQ(ranks.scheduler.counts().ready, 1U);
}

TEST(Gang, CancellingReachesAllMembers) {
  const Plan plan = plan_of({make_gang(0, 2)});
  Ranks ranks(plan);
  ranks.join(1);
  ranks.join(2);
  ranks.tell();
  ranks.scheduler.cancel(0);
  ranks.tell();
  EXPECT_TRUE(ranks.queues[1].empty());
  EXPECT_TRUE(ranks.queues[2].empty());
}

// Two busy ranks, a gang that has become ready, and no end of shorter stages.
class Waiting : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kGang = 2;
  Waiting() : plan_(plan()), ranks_(plan_) {
    ranks_.join(1);
    ranks_.join(2);
    ranks_.tell();
    ranks_.start(1);
    ranks_.start(2);
    ranks_.tell();
  }
  static Plan plan() {
    std::vector<Stage> stages{make_stage(0, StageKind::tune, {}, 200),
                              make_stage(1, StageKind::tune, {}, 210), make_gang(kGang, 2, {0})};
    for (std::uint32_t i = 3; i < 100; ++i)
      stages.push_back(make_stage(i, StageKind::respond, {}, i < 20 ? 50 : 1));
    return plan_of(std::move(stages));
  }
  // Ends what the rank has in its queue, and what it is given, until it has nothing or the gang.
  void run_dry(std::uint32_t rank) {
    while (!ranks_.queues[rank].empty() && ranks_.queues[rank].front() != kGang) {
      done_.push_back(ranks_.finish(rank, plan_.stages[ranks_.queues[rank].front()].cost_s));
      ranks_.tell();
    }
  }

  Plan plan_;
  Ranks ranks_;
  Queue done_;
};

TEST_F(Waiting, FreedRanksAreKeptForAGang) {
  run_dry(1);
  EXPECT_TRUE(std::ranges::find(done_, 0U) != done_.end());
  EXPECT_LT(done_.size(), 20U) << "only what ends before rank 2 is free";
  EXPECT_TRUE(ranks_.queues[1].empty()) << "though dozens of stages are ready";
  const std::size_t before = done_.size();
  run_dry(2);
  EXPECT_LT(done_.size() - before, 10U);
  EXPECT_EQ(ranks_.scheduler.attempts(kGang), 1U) << "the gang had its turn";
}

TEST_F(Waiting, AKeptRankFillsTheTimeUntilTheOthersAreFree) {
  ranks_.finish(1, 200);
  ranks_.tell();
  double given_s = 0;
  while (!ranks_.queues[1].empty() && given_s < 1000) {
    const std::uint32_t stage = ranks_.queues[1].front();
    given_s += plan_.stages[stage].cost_s;
    ranks_.finish(1, plan_.stages[stage].cost_s);
    ranks_.tell();
  }
  EXPECT_GT(given_s, 50) << "it need not stand still";
  EXPECT_LT(given_s, 320) << "rank 2 has no more than that before it";
}

TEST(Gang, OthersOnItsHostsLeaveItTheCoresThatItWillNeed) {
  std::vector<Stage> stages{make_stage(0, StageKind::tune, {}, 200),
                            make_stage(1, StageKind::tune, {}, 150), make_gang(2, 2, {0}, 100)};
  for (std::uint32_t i = 3; i < 60; ++i) stages.push_back(make_stage(i, StageKind::tune, {}, 90));
  const Plan plan = plan_of(std::move(stages));
  Ranks ranks(plan);
  for (std::uint32_t rank = 1; rank <= 3; ++rank) ranks.join(rank, "laptop", 2);
  for (int turn = 0; turn < 20 && ranks.scheduler.attempts(2) == 0; ++turn) {
    ranks.tell();
    for (std::uint32_t rank = 1; rank <= 3; ++rank)
      if (!ranks.queues[rank].empty() && ranks.scheduler.attempts(2) == 0) {
        ranks.finish(rank, plan.stages[ranks.queues[rank].front()].cost_s);
        ranks.tell();
      }
  }
  EXPECT_EQ(ranks.scheduler.attempts(2), 1U) << "three ranks on two cores, one never stopping";
}

TEST(Gang, MembersShareTheCoresOfTheirHost) {
  Stage stage = make_gang(0, 2);
  stage.resources.cores = 2;
  const Plan plan = plan_of({stage});
  Ranks ranks(plan);
  ranks.join(1, "laptop", 2);
  ranks.join(2, "laptop", 2);
  ranks.tell();
  EXPECT_EQ(ranks.queues[1], Queue{0});
  EXPECT_EQ(ranks.queues[2], Queue{0});
}

TEST(Gang, ThatWantsMoreRanksThanThereAreFailsWithTheReason) {
  std::vector<Stage> stages{make_gang(0, 3)};
  stages[0].resources.gpus = 1;
  const Plan plan = plan_of(std::move(stages));
  Ranks ranks(plan);
  ranks.join(1, "a", 2, 1);
  ranks.join(2, "a", 2, 1);
  ranks.join(3, "a", 2, 0);
  ranks.tell();
  ASSERT_TRUE(ranks.scheduler.stalled());
  EXPECT_EQ(ranks.scheduler.fail_unplaceable(), Queue{0});
  EXPECT_EQ(ranks.scheduler.reason(0), "it needs 3 ranks at once, and there are 2 with 1 GPUs");
}

}  // namespace
}  // namespace vlsweep::testing
