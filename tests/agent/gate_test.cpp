#include "worker/agent/gate.h"

#include <gtest/gtest.h>

namespace vlsweep {
namespace {

Key key_of(std::uint8_t number) {
  Key key;
  key.bytes[0] = number;
  return key;
}

Assignment assignment(std::uint32_t stage, std::uint32_t attempt, std::vector<Key> parents = {}) {
  Assignment made;
  made.stage = stage;
  made.attempt = attempt;
  made.key = key_of(static_cast<std::uint8_t>(stage));
  made.parents = std::move(parents);
  return made;
}

class AgentGate : public ::testing::Test {
 protected:
  bool admit(std::uint32_t stage, std::uint32_t attempt, std::vector<Key> parents = {}) {
    Assignment made = assignment(stage, attempt, std::move(parents));
    return gate_.admit(made);
  }
  // As the agent does with its outbox.
  void say(ToCoordinator message) {
    messages_.push_back(std::move(message));
    for (std::size_t i = messages_.size() - 1; i < messages_.size(); ++i)
      gate_.settle(i, messages_);
  }
  std::vector<std::uint32_t> open() {
    std::vector<std::uint32_t> stages;
    for (const Assignment& made : gate_.take_open()) stages.push_back(made.stage);
    return stages;
  }
  Gate gate_;
  std::vector<ToCoordinator> messages_;
};

using Stages = std::vector<std::uint32_t>;

TEST_F(AgentGate, LetsThroughWhatNeedsNothingOfThisRank) {
  EXPECT_TRUE(admit(1, 1));
  EXPECT_TRUE(admit(2, 1, {key_of(9)}));
}

TEST_F(AgentGate, KeepsAStageUntilItsParentIsFinished) {
  EXPECT_TRUE(admit(1, 1));
  EXPECT_FALSE(admit(2, 1, {key_of(1)}));
  EXPECT_FALSE(admit(3, 1, {key_of(2)}));
  say(Started{1, 1});
  EXPECT_EQ(open(), Stages{});
  say(Finished{1, 1, {}});
  EXPECT_EQ(open(), Stages{2});
  say(Finished{2, 1, {}});
  EXPECT_EQ(open(), Stages{3});
}

TEST_F(AgentGate, FailsAllThatWaitedForAStageThatFailed) {
  EXPECT_TRUE(admit(1, 1));
  EXPECT_FALSE(admit(2, 1, {key_of(1)}));
  EXPECT_FALSE(admit(3, 1, {key_of(2)}));
  say(Failed{1, 1, Errc::io, "disk"});
  ASSERT_EQ(messages_.size(), 3U);
  EXPECT_EQ(std::get<Failed>(messages_[1]).stage, 2U);
  EXPECT_EQ(std::get<Failed>(messages_[2]).stage, 3U);
  EXPECT_EQ(open(), Stages{});
}

TEST_F(AgentGate, ACancelledAttemptDoesNotTakeTheNextOnesChildrenAlong) {
  EXPECT_TRUE(admit(1, 1));
  EXPECT_TRUE(admit(1, 2));
  EXPECT_FALSE(admit(2, 1, {key_of(1)}));
  say(Failed{1, 1, Errc::cancelled, "cancelled"});
  EXPECT_EQ(messages_.size(), 1U);
  say(Finished{1, 2, {}});
  EXPECT_EQ(open(), Stages{2});
}

TEST_F(AgentGate, CancelsWhatItKeepsBack) {
  EXPECT_TRUE(admit(1, 1));
  EXPECT_FALSE(admit(2, 1, {key_of(1)}));
  EXPECT_FALSE(gate_.cancel({1, 1})) << "that one has begun";
  EXPECT_TRUE(gate_.cancel({2, 1}));
  say(Finished{1, 1, {}});
  EXPECT_EQ(open(), Stages{});
}

}  // namespace
}  // namespace vlsweep
