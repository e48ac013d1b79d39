// A world, a base model and a runner for tests of whole stages. Made once per process, in a folder
// that is removed at its end.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "worker/microworld/world.h"
#include "worker/trainer/model/checkpoint.h"
#include "worker/trainer/stage/pretrain_recipe.h"
#include "worker/trainer/stage/runner.h"

namespace vlsweep {

// Keeps all that a stage says.
struct StageRecord : StageSink {
  std::vector<SeriesPoint> points;
  std::vector<ResponseRow> rows;
  std::int64_t step = 0, steps = 0;
  std::int64_t cancel_at = INT64_MAX;

  void progress(std::int64_t at, std::int64_t of, std::vector<SeriesPoint> news) override {
    step = at;
    steps = of;
    points.insert(points.end(), news.begin(), news.end());
  }
  void samples(std::vector<ResponseRow> news) override {
    rows.insert(rows.end(), news.begin(), news.end());
  }
  bool cancelled() override { return step >= cancel_at; }

  std::vector<double> losses() const {
    std::vector<double> values;
    for (const SeriesPoint& point : points)
      if (point.name == "loss") values.push_back(point.value);
    return values;
  }
};

inline const std::string kBaseKey = "ab" + std::string(62, '0');

class StageTest : public testing::Test {
 protected:
  static const std::filesystem::path& root();
  static std::filesystem::path world() { return root() / "world"; }
  // A random model of the world's shape, where the store would have it.
  static std::filesystem::path base() { return root() / "stages/ab" / kBaseKey; }
  static nlohmann::json tune_message(const std::string& out);
  static nlohmann::json respond_message(const std::filesystem::path& stage,
                                        const std::string& suite_format, const std::string& part);
  static Result<StageOutcome> run(StageRunner& runner, const nlohmann::json& message,
                                  StageRecord& record);
  static void write(const std::filesystem::path& path, const std::string& text);
  static std::string read(const std::filesystem::path& path);

  std::unique_ptr<StageRunner> runner_ = std::move(*StageRunner::make("cpu"));
  StageRecord record_;
};

}  // namespace vlsweep
