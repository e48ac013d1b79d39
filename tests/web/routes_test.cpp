#include "web/routes.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <nlohmann/json.hpp>

#include "tests/storage/sample_run.h"

namespace vlsweep {
namespace {

using nlohmann::json;

class RunFolderRoutes : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "vlsweep-routes-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    const Plan plan = test::sample_plan();
    routes_ = std::make_unique<Routes>(test::write_run(root_, plan, test::unfinished_run(plan)));
  }
  void TearDown() override {
    routes_.reset();
    std::filesystem::remove_all(root_);
  }
  HttpResponse get(const std::string& target) {
    return routes_->answer(parse_target("GET", target));
  }
  json get_json(const std::string& target) { return json::parse(get(target).body); }

  std::filesystem::path root_;
  std::unique_ptr<Routes> routes_;
};

TEST_F(RunFolderRoutes, ThePageAndItsFilesAreEmbedded) {
  for (const char* path : {"/", "/app.js", "/style.css", "/uplot.js", "/uplot.css"}) {
    const HttpResponse answer = get(path);
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_GT(answer.body.size(), 500U) << path;
  }
  EXPECT_TRUE(get("/").content_type.starts_with("text/html"));
}

TEST_F(RunFolderRoutes, TheStateAddsUpAndNamesTheTrouble) {
  const json state = get_json("/api/state");
  const json& counts = state["counts"];
  const auto count = [&](const char* name) { return counts[name].get<int>(); };
  EXPECT_EQ(count("planned"), count("done") + count("reused") + count("running") + count("failed") +
                                  count("waiting"));
  EXPECT_EQ(state["trials"]["total"], 24);
  EXPECT_NE(state["trouble"].get<std::string>().find("tune mixed lora 0.1 seed 1"),
            std::string::npos);
  EXPECT_FALSE(state["events"].empty());
  EXPECT_EQ(json::parse(routes_->state())["run"], state["run"]);
}

TEST_F(RunFolderRoutes, TheTableAnswersLikeTheQueryVerb) {
  const json table =
      get_json("/api/table?rows=mode,safety_ratio&cols=tuning&value=vlguard-unsafe.asr");
  EXPECT_TRUE(table["rate"].get<bool>());
  ASSERT_FALSE(table["cells"].empty());
  for (const json& cell : table["cells"]) {
    if (cell["value"].is_null()) {
      EXPECT_FALSE(cell["why"].get<std::string>().empty());
      continue;
    }
    EXPECT_LE(cell["ci_low"], cell["value"]);
    EXPECT_GE(cell["ci_high"], cell["value"]);
  }
}

TEST_F(RunFolderRoutes, TrialsAreFilteredAndPaged) {
  EXPECT_EQ(get_json("/api/trials")["total"], 24);
  const json page = get_json("/api/trials?filter=mode+%3D%3D+mixed&limit=3");
  EXPECT_EQ(page["rows"].size(), 3U);
  for (const json& row : page["rows"]) EXPECT_EQ(row["parameters"]["mode"], "mixed");
}

TEST_F(RunFolderRoutes, WhatCannotBeAnsweredSaysWhy) {
  const std::vector<std::pair<std::string, int>> cases{{"/api/table?where=nosuch+%3D%3D+1", 400},
                                                       {"/api/table?value=nosuch.asr", 400},
                                                       {"/api/table?rows=nosuch", 400},
                                                       {"/api/trials?filter=((", 400},
                                                       {"/api/trials?limit=x", 400},
                                                       {"/api/trials?limit=999999", 400},
                                                       {"/api/nosuch", 404},
                                                       {"/../plan.json", 404},
                                                       {"/journal", 404},
                                                       {"/%2e%2e/%2e%2e/etc/passwd", 404}};
  for (const auto& [target, status] : cases) {
    const HttpResponse answer = get(target);
    EXPECT_EQ(answer.status, status) << target;
    EXPECT_TRUE(json::parse(answer.body).contains("error")) << target;
  }
}

TEST(Routes, ARunThatHasNoDatabaseYetIsStarting) {
  Routes routes("/nonexistent/run");
  EXPECT_EQ(json::parse(routes.state())["run"]["state"], "starting");
  EXPECT_EQ(routes.answer(parse_target("GET", "/api/state")).status, 404);
}

}  // namespace
}  // namespace vlsweep
