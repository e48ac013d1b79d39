#include "orchestrator/scheduler/cost_model.h"

#include <gtest/gtest.h>

namespace vlsweep {
namespace {

TEST(CostModel, CorrectsEstimatesByWhatFinishedStagesTook) {
  CostModel model;
  EXPECT_FLOAT_EQ(model.predict(StageKind::tune, 10), 10);
  model.observe(StageKind::tune, 10, 30);
  EXPECT_FLOAT_EQ(model.predict(StageKind::tune, 10), 10) << "only after refresh()";
  EXPECT_TRUE(model.refresh_due());
  model.refresh();
  EXPECT_FLOAT_EQ(model.predict(StageKind::tune, 20), 60);
  EXPECT_FLOAT_EQ(model.predict(StageKind::respond, 20), 20) << "another kind";
}

TEST(CostModel, TakesTheMeanWhereThereIsNoEstimate) {
  CostModel model;
  EXPECT_FLOAT_EQ(model.predict(StageKind::respond, 0), 1);
  EXPECT_FLOAT_EQ(model.predict(StageKind::noop, 0), 0);
  model.observe(StageKind::respond, 0, 4);
  model.observe(StageKind::respond, 0, 6);
  model.refresh();
  EXPECT_FLOAT_EQ(model.predict(StageKind::respond, 0), 5);
}

TEST(CostModel, IsDueSeldomAndNotForTrifles) {
  CostModel model;
  int refreshes = 0;
  for (int i = 0; i < 1000; ++i) {
    model.observe(StageKind::tune, 10, i % 2 == 0 ? 10.1 : 9.9);
    if (!model.refresh_due()) continue;
    ++refreshes;
    model.refresh();
  }
  EXPECT_EQ(refreshes, 0);
  for (int i = 0; i < 100'000; ++i) {
    model.observe(StageKind::respond, 1, 1.0 + i);  // slower and slower
    if (!model.refresh_due()) continue;
    ++refreshes;
    model.refresh();
  }
  EXPECT_GT(refreshes, 5);
  EXPECT_LT(refreshes, 20);
}

TEST(CostModel, NonsenseIsNotLearned) {
  CostModel model;
  model.observe(StageKind::tune, 10, -1);
  model.observe(StageKind::tune, 10, 0.0 / 0.0);
  model.observe(static_cast<StageKind>(200), 10, 1);
  EXPECT_FALSE(model.refresh_due());
  EXPECT_FLOAT_EQ(model.predict(StageKind::tune, 10), 10);
}

}  // namespace
}  // namespace vlsweep
