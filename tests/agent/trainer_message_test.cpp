#include "worker/agent/trainer_message.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vlsweep {
namespace {

using Json = nlohmann::json;

template <class T>
T parsed(const char* text) {
  auto message = parse_trainer_message(Json::parse(text));
  EXPECT_TRUE(message) << text << ": " << (message ? "" : message.error().message);
  if (!message || !std::holds_alternative<T>(*message)) return T{};
  return std::get<T>(std::move(*message));
}

TEST(TrainerMessage, EveryKindIsRead) {
  const auto ready = parsed<TrainerReady>(
      R"({"type":"ready","device":"cpu","versions":"v","gpus":2,"gpu_memory":8000000000})");
  EXPECT_EQ(ready.gpus, 2U);
  EXPECT_EQ(ready.gpu_memory, 8'000'000'000U);
  EXPECT_EQ(parsed<TrainerStarted>(R"({"type":"started","stage":3,"attempt":2})").id,
            (AttemptId{3, 2}));
  const auto progress = parsed<TrainerProgress>(
      R"({"type":"progress","stage":3,"attempt":2,"step":5,"steps":9,
          "points":[["loss",5,1.5],["loss",6,null]]})");
  EXPECT_EQ(progress.points[0].step, 5);
  EXPECT_TRUE(std::isnan(progress.points[1].value));
  const auto samples = parsed<TrainerSamples>(
      R"({"type":"samples","stage":0,"attempt":1,
          "rows":[{"id":"a","prompt":"p","response":"r","category":"c"}]})");
  EXPECT_EQ(samples.rows[0].category, "c");
  const auto done = parsed<TrainerDone>(
      R"({"type":"done","stage":0,"attempt":1,"seconds":2,"metrics":[["asr",0.5,1,2],["x",3]]})");
  EXPECT_EQ(done.metrics[0].n, 2);
  EXPECT_EQ(done.metrics[1].n, 0);
  EXPECT_EQ(parsed<TrainerFailed>(
                R"({"type":"failed","stage":0,"attempt":1,"code":"diverged","message":"m"})")
                .code,
            Errc::diverged);
}

TEST(TrainerMessage, WhatDoesNotFitIsCorrupt) {
  for (const char* text :
       {"7", "[]", "{}", R"({"type":7})", R"({"type":"bye"})", R"({"type":"started"})",
        R"({"type":"started","stage":-1,"attempt":1})",
        R"({"type":"started","stage":4294967296,"attempt":1})",
        R"({"type":"started","stage":1.5,"attempt":1})",
        R"({"type":"progress","stage":1,"attempt":1,"points":[["loss",1]]})",
        R"({"type":"progress","stage":1,"attempt":1,"points":[["loss","1",2]]})",
        R"({"type":"progress","stage":1,"attempt":1,"points":{"loss":1}})",
        R"({"type":"samples","stage":1,"attempt":1,"rows":[{"id":"a"}]})",
        R"({"type":"samples","stage":1,"attempt":1,"rows":[7]})",
        R"({"type":"done","stage":1,"attempt":1,"metrics":[]})",
        R"({"type":"done","stage":1,"attempt":1,"seconds":1,"metrics":[["loss",1,2]]})",
        R"({"type":"failed","stage":1,"attempt":1,"code":3,"message":""})"}) {
    const auto message = parse_trainer_message(Json::parse(text));
    ASSERT_FALSE(message) << text;
    EXPECT_EQ(message.error().code, Errc::corrupt) << text;
  }
}

TEST(TrainerMessage, ARunCarriesWhatTheContractSays) {
  const Assignment assignment{7, 2, StageKind::tune, {}, {}, R"({"lr":0.5})"};
  const auto message = run_message(assignment, {"/store/a"}, "/store/tmp/b", "");
  ASSERT_TRUE(message);
  EXPECT_EQ(*message, Json::parse(R"({"type":"run","stage":7,"attempt":2,"kind":"tune",
      "spec":{"lr":0.5},"parents":["/store/a"],"out":"/store/tmp/b"})"));
  EXPECT_FALSE(run_message({7, 2, StageKind::tune, {}, {}, "[]"}, {}, "", ""));
}

TEST(TrainerMessage, ARunOfAGangSaysWhichMemberAndWhereTheyMeet) {
  Assignment assignment{7, 2, StageKind::tune, {}, {}, "{}"};
  assignment.member = 1;
  assignment.members = 4;
  assignment.rendezvous = "/run/gangs/abc.2.0";
  const auto message = run_message(assignment, {}, "/out", "/store/resume/abc");
  ASSERT_TRUE(message);
  EXPECT_EQ((*message)["state"], "/store/resume/abc");
  EXPECT_EQ((*message)["gang"],
            Json::parse(R"({"rank":1,"size":4,"rendezvous":"/run/gangs/abc.2.0"})"));
}

}  // namespace
}  // namespace vlsweep
