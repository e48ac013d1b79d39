// An agent whose rank is a member of a gang, and what a tune stage goes on from.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/agent/agent_fixture.h"

namespace vlsweep {
namespace {

class AgentInGang : public AgentFixture {
 protected:
  Assignment member(std::uint32_t stage, std::uint32_t place, const std::string& spec) {
    Assignment assignment = make(stage, StageKind::tune, spec);
    assignment.member = place;
    assignment.members = 2;
    assignment.rendezvous = (folder_ / "gang").string();
    return assignment;
  }
};

TEST_F(AgentInGang, ItsFirstMemberReportsAndPublishes) {
  start();
  const Assignment first = member(1, 0, "{}");
  assign({first});
  EXPECT_EQ(await<Started>().stage, 1U);
  EXPECT_EQ(await<Progress>().stage, 1U);
  await_finished(1);
  EXPECT_TRUE(store_.find(first.key)->has_value());
}

TEST_F(AgentInGang, TheOthersDoTheirPartAndSayNothing) {
  start();
  const Assignment second = member(1, 1, "{}");
  assign({second, make(2, StageKind::tune, "{}")});
  EXPECT_EQ(await<Started>().stage, 2U) << "the first word is about the next stage";
  await_finished(2);
  EXPECT_FALSE(store_.find(second.key)->has_value());
  EXPECT_TRUE(std::filesystem::is_empty(store_.folder() / "tmp"));
}

TEST_F(AgentInGang, AChildOfTheGangsStageIsNotKeptBack) {
  start();
  const Assignment second = member(1, 1, R"({"fake":"slow","ms":300})");
  std::filesystem::create_directories(store_.stage_folder(second.key));  // the first has published
  assign({second, make(2, StageKind::respond, "{}", {second.key})});
  await_finished(2);
}

TEST_F(AgentInGang, AnyMemberSaysThatItFailed) {
  start();
  assign({member(1, 1, R"({"fake":"fail"})"), member(2, 1, R"({"fake":"killed"})")});
  EXPECT_EQ(await_failed(1).code, Errc::out_of_memory);
  EXPECT_EQ(await_failed(2).code, Errc::unavailable);
}

TEST_F(AgentInGang, AMemberIsCancelledLikeAnyStage) {
  start();
  const Assignment second = member(1, 1, R"({"fake":"slow"})");
  assign({second, make(2, StageKind::tune, "{}")});
  cancel(second);
  EXPECT_EQ(await_failed(1).code, Errc::cancelled);
  await_finished(2);
}

TEST_F(AgentFixture, WhatATuneStageGoesOnFromStaysUntilItIsPublished) {
  start();
  const Assignment fails = make(1, StageKind::tune, R"({"fake":"killed"})");
  const Assignment ends = make(2, StageKind::tune, "{}");
  for (const Assignment& a : {fails, ends}) {
    std::filesystem::create_directories(store_.state_folder(a.key));
    std::ofstream(store_.state_folder(a.key) / "state") << "step 7";
  }
  assign({fails, ends});
  await_failed(1);
  await_finished(2);
  EXPECT_TRUE(std::filesystem::exists(store_.state_folder(fails.key) / "state"));
  EXPECT_FALSE(std::filesystem::exists(store_.state_folder(ends.key)));
}

}  // namespace
}  // namespace vlsweep
