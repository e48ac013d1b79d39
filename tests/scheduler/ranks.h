// A scheduler and its ranks, played by hand, for tests of what is handed out to whom.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/scheduler/scheduler.h"
#include "tests/coordinator/plans.h"

namespace vlsweep::testing {

// A scheduler and what its ranks were told.
class Ranks {
 public:
  explicit Ranks(const Plan& plan, SchedulerOptions options = {}) : scheduler(plan, options) {}

  void join(std::uint32_t rank, std::string host = "host", std::uint32_t cores = 2,
            std::uint32_t gpus = 0) {
    scheduler.on_rank_joined(rank, {std::move(host), cores, gpus, 0});
  }
  // Carries out the scheduler's orders.
  void tell() {
    for (const Order& order : scheduler.take_orders()) {
      auto& queue = queues[order.rank];
      if (order.action == Order::Action::assign) {
        queue.push_back(order.stage);
      } else {
        std::erase(queue, order.stage);
      }
    }
    const Result<> sound = scheduler.check_invariants();
    EXPECT_TRUE(sound) << sound.error().text();
  }
  // The rank does the first stage of its queue.
  void start(std::uint32_t rank) {
    const std::uint32_t stage = queues[rank].front();
    EXPECT_EQ(scheduler.on_started(rank, stage, scheduler.attempts(stage), 0),
              ReportOutcome::accepted);
  }
  std::uint32_t finish(std::uint32_t rank, double seconds) {
    const std::uint32_t stage = queues[rank].front();
    queues[rank].erase(queues[rank].begin());
    EXPECT_EQ(scheduler.on_finished(rank, stage, scheduler.attempts(stage), seconds),
              ReportOutcome::accepted);
    return stage;
  }

  Scheduler scheduler;
  std::map<std::uint32_t, std::vector<std::uint32_t>> queues;
};

inline Plan plan_of(std::vector<Stage> stages) {
  Plan plan;
  plan.stages = std::move(stages);
  return plan;
}

}  // namespace vlsweep::testing
