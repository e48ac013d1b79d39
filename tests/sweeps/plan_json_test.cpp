// plan.json reads back as it was written, and whatever could not have been written is refused.
#include <gtest/gtest.h>

#include <random>

#include "orchestrator/protocol/plan.h"

namespace vlsweep {
namespace {

Plan sample_plan() {
  Plan plan;
  plan.name = "a \"quoted\" name";
  plan.counts = {{"grid", 4}, {"seeds", 8}};
  plan.max_attempts = 5;
  plan.stages_without_sharing = 7;
  for (std::uint8_t i = 0; i < 3; ++i) {
    Stage stage;
    stage.key.bytes[0] = i;
    stage.kind = i == 0 ? StageKind::tune : StageKind::respond;
    stage.name = "stage " + std::to_string(i);
    if (i > 0) stage.parents = {0};
    stage.spec = R"({"lr":0.0008,"steps":350,"suite":{"name":"figstep"}})";
    stage.resources = {2, 1, 80'000'000'000, 1};
    stage.cost_s = 1.5;
    plan.stages.push_back(stage);
  }
  plan.trials.push_back({"00112233aabb",
                         0,
                         3,
                         {{"mode", "\"none\""}, {"safety_ratio", "null"}},
                         {{0, "vision_language", ""}, {1, "respond", "figstep"}}});
  return plan;
}

TEST(PlanJson, ReadsBackAsWritten) {
  const std::string text = plan_to_json(sample_plan());
  const Result<Plan> plan = plan_from_json(text);
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan_to_json(*plan), text);
  EXPECT_EQ(plan->stages[1].spec, sample_plan().stages[1].spec);
  EXPECT_EQ(plan->stages[1].resources.gpu_memory, 80'000'000'000u);
  EXPECT_EQ(plan->trials[0].parameters[1].second, "null");
  EXPECT_EQ(plan->trials[0].stages[1].suite, "figstep");
  EXPECT_EQ(plan->counts[1].count, 8u);
}

TEST(PlanJson, RefusesWhatTheWriterCouldNotHaveWritten) {
  const std::string text = plan_to_json(sample_plan());
  const std::pair<const char*, const char*> damages[] = {
      {"\"format\":1", "\"format\":2"},
      {"\"parents\":[0]", "\"parents\":[1]"},
      {"\"parents\":[0]", "\"parents\":[-1]"},
      {"\"kind\":\"tune\"", "\"kind\":\"tuna\""},
      {"\"key\":\"01", "\"key\":\"00"},
      {"\"key\":\"01", "\"key\":\"0"},
      {"\"cost_s\":1.5", "\"cost_s\":-1.5"},
      {"\"max_attempts\":5", "\"max_attempts\":0"},
      {"\"max_attempts\":5", "\"max_attempts\":99999999999999999999"},
      {"[1,\"respond\"", "[3,\"respond\""},
      {"\"seed\":3", "\"seed\":\"3\""},
      {"[2,1,80000000000,1]", "[2,1,80000000000]"},
      {"\"trials\":", "\"trails\":"},
  };
  for (const auto& [from, to] : damages) {
    std::string damaged = text;
    ASSERT_NE(damaged.find(from), std::string::npos) << from;
    damaged.replace(damaged.find(from), std::string(from).size(), to);
    const Result<Plan> plan = plan_from_json(damaged);
    ASSERT_FALSE(plan) << to;
    EXPECT_EQ(plan.error().code, Errc::corrupt);
  }
}

TEST(PlanJson, DeepNestingIsRefusedNotFollowed) {
  std::string text = plan_to_json(sample_plan());
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  text.replace(text.find("0.0008"), 6, deep);
  EXPECT_FALSE(plan_from_json(text));
}

TEST(PlanJson, CutOrAlteredTextIsAnsweredNeverFollowed) {
  const std::string text = plan_to_json(sample_plan());
  for (std::size_t size = 0; size + 2 < text.size(); ++size)
    EXPECT_FALSE(plan_from_json(text.substr(0, size)));
  std::mt19937 random(7);
  for (int round = 0; round < 5000; ++round) {
    std::string altered = text;
    for (int i = 0; i < 3; ++i) altered[random() % altered.size()] = static_cast<char>(random());
    const Result<Plan> plan = plan_from_json(altered);
    if (plan) plan_to_json(*plan);
  }
}

}  // namespace
}  // namespace vlsweep
