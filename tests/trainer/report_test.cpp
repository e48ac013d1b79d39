// What the trainer says while a stage runs.
#include "worker/trainer/serve/report.h"

#include <gtest/gtest.h>

#include <set>

namespace vlsweep {
namespace {

using Json = nlohmann::json;

StageRequest third_stage() {
  StageRequest request;
  request.stage = 3;
  request.attempt = 2;
  return request;
}

struct Report {
  StageRequest request = third_stage();
  std::atomic<bool> cancelled = false;
  std::vector<Json> sent;
  ReportSink sink{request, [this](const Json& message) { sent.push_back(message); }, cancelled};
};

TEST(Report, BatchesProgressAndLosesNoPoint) {
  Report report;
  for (std::int64_t step = 1; step <= 1000; ++step)
    report.sink.progress(step, 1000, {{"loss", step, 1.0 / static_cast<double>(step)}});
  report.sink.flush();
  EXPECT_LT(report.sent.size(), 20U);
  std::set<std::int64_t> steps;
  for (const Json& message : report.sent)
    for (const Json& point : message["points"]) steps.insert(point[1].get<std::int64_t>());
  EXPECT_EQ(steps.size(), 1000U);
  EXPECT_EQ(report.sent.back()["step"], 1000);
  EXPECT_EQ(report.sent.front()["stage"], 3);
  EXPECT_EQ(report.sent.front()["attempt"], 2);
  const std::size_t before = report.sent.size();
  report.sink.flush();
  EXPECT_EQ(report.sent.size(), before) << "nothing new, nothing said";
}

TEST(Report, SplitsManyRowsOverFrames) {
  Report report;
  std::vector<ResponseRow> rows(40);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].id = std::to_string(i);
    rows[i].response = std::string(1 << 20, 'x');
  }
  report.sink.samples(rows);
  std::size_t next = 0;
  for (const Json& message : report.sent) {
    EXPECT_LT(message.dump().size(), 16U << 20);
    for (const Json& row : message["rows"]) EXPECT_EQ(row["id"], std::to_string(next++));
  }
  EXPECT_EQ(next, rows.size());
}

TEST(Report, ShowsACancel) {
  Report report;
  EXPECT_FALSE(report.sink.cancelled());
  report.cancelled = true;
  EXPECT_TRUE(report.sink.cancelled());
}

TEST(Report, TellsOutcomesAsTheAgentReadsThem) {
  const StageRequest request = third_stage();
  StageOutcome outcome;
  outcome.seconds = 1.5;
  outcome.metrics = {{"loss", 0.25, 0, 0}};
  outcome.note = "n";
  EXPECT_EQ(done_message(request, outcome),
            Json::parse(R"({"type":"done","stage":3,"attempt":2,"seconds":1.5,
                            "metrics":[["loss",0.25,0,0]],"peak_memory":0,"note":"n"})"));
  EXPECT_EQ(failed_message(3, 2, {Errc::diverged, "the loss is nan", ""}),
            Json::parse(R"({"type":"failed","stage":3,"attempt":2,"code":"diverged",
                            "message":"the loss is nan"})"));
}

}  // namespace
}  // namespace vlsweep
