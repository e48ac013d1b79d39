// Runs under faults, from seeds: whatever dies, every stage ends once and the end is the same. A
// failing seed is replayed with VLSWEEP_SIM_SEED=N.
#include "tests/coordinator/simulation.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "orchestrator/base/log.h"
#include "tests/coordinator/plans.h"

namespace vlsweep::testing {
namespace {

std::uint32_t below(std::mt19937_64& random, std::size_t limit) {
  return static_cast<std::uint32_t>(random() % limit);
}

std::uint32_t agents_for(std::uint64_t seed) { return static_cast<std::uint32_t>(1 + seed % 5); }

Plan plan_for(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::uint32_t more = below(random, 6);
  Plan plan = seed % 3 == 0   ? random_plan(10 + 15 * more, random)
              : seed % 3 == 1 ? sweep_plan(1 + more, 1 + below(random, 3))
                              : noop_plan(1 + 50 * more);
  // Some stages of some plans want several ranks, of those that there are.
  if (seed % 4 == 0 && agents_for(seed) > 1)
    for (Stage& stage : plan.stages)
      if (random() % 3 == 0)
        stage.resources.ranks = static_cast<std::uint16_t>(2 + below(random, agents_for(seed) - 1));
  plan.max_attempts = 1'000;  // faults are many here, and none shall be the last straw
  return plan;
}

Faults faults_for(std::uint64_t seed, const Plan& plan) {
  std::mt19937_64 random(seed + 1'000'000);
  const auto sometimes = [&](double value) { return random() % 3 == 0 ? 0 : value; };
  Faults faults;
  faults.attempt_fails = sometimes(0.1);
  faults.payload_twice = sometimes(0.1);
  faults.agent_dies_s = sometimes(8);
  faults.agent_freezes_s = sometimes(6);
  faults.coordinator_dies_s = sometimes(15);
  faults.disk_fails_s = sometimes(25);
  if (random() % 3 == 0) faults.bad_stages.insert(below(random, plan.stages.size()));
  return faults;
}

// Exactly one good end for each stage that ended well, none for the others; no attempt twice.
void expect_each_ends_once(const Plan& plan, const SimulationResult& result) {
  std::map<Key, int> good_ends;
  std::map<Key, std::uint32_t> attempts;
  for (const Event& event : result.journal) {
    if (const auto* started = std::get_if<StageStarted>(&event)) {
      ASSERT_GT(started->attempt, attempts[started->key]);
      attempts[started->key] = started->attempt;
    }
    if (const auto* done = std::get_if<StageDone>(&event)) ++good_ends[done->key];
    if (const auto* reused = std::get_if<StageReused>(&event)) ++good_ends[reused->key];
  }
  for (const auto& [stage, end] : result.ends)
    ASSERT_EQ(good_ends[plan.stages[stage].key], end == "good" ? 1 : 0) << "stage " << stage;
}

void expect_undisturbed_end(std::uint64_t seed) {
  SCOPED_TRACE("VLSWEEP_SIM_SEED=" + std::to_string(seed));
  const Plan plan = plan_for(seed);
  const Faults faults = faults_for(seed, plan);
  Faults none;
  none.bad_stages = faults.bad_stages;
  const SimulationResult calm = Simulation(plan, agents_for(seed), none, seed).run();
  ASSERT_EQ(calm.violation, "");
  ASSERT_EQ(calm.restarts, 0U);
  const SimulationResult rough = Simulation(plan, agents_for(seed), faults, seed).run();
  ASSERT_EQ(rough.violation, "");
  ASSERT_EQ(rough.ends, calm.ends);
  ASSERT_EQ(rough.outcome, calm.outcome);
  expect_each_ends_once(plan, rough);
}

class Simulated : public ::testing::Test {
 protected:
  void SetUp() override { log_set_level(Level::error); }  // faults are expected here
};

TEST_F(Simulated, EveryStageEndsOnceAndAsWithoutFaults) {
  if (const char* one = std::getenv("VLSWEEP_SIM_SEED"))
    return expect_undisturbed_end(std::strtoull(one, nullptr, 10));
  for (std::uint64_t seed = 1; seed <= 300 && !HasFatalFailure(); ++seed)
    expect_undisturbed_end(seed);
}

TEST_F(Simulated, TheFaultsReallyHappen) {
  std::uint64_t restarts = 0, stale = 0, lost = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const Plan plan = plan_for(seed);
    const SimulationResult result =
        Simulation(plan, agents_for(seed), faults_for(seed, plan), seed).run();
    restarts += result.restarts;
    stale += result.stale;
    for (const Event& event : result.journal) lost += std::holds_alternative<RankLost>(event);
  }
  EXPECT_GT(restarts, 30U);
  EXPECT_GT(stale, 30U);
  EXPECT_GT(lost, 30U);
}

TEST_F(Simulated, TheSameSeedGivesTheSameEvents) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const Plan plan = plan_for(seed);
    const Faults faults = faults_for(seed, plan);
    const SimulationResult once = Simulation(plan, agents_for(seed), faults, seed).run();
    const SimulationResult twice = Simulation(plan, agents_for(seed), faults, seed).run();
    ASSERT_EQ(once.log, twice.log) << "seed " << seed;
  }
}

TEST_F(Simulated, ARankThatWasFrozenJoinsAgain) {
  const Plan plan = sweep_plan(12, 3);
  Faults faults;
  faults.agent_freezes_s = 15;
  const SimulationResult result = Simulation(plan, 4, faults, 3).run();
  EXPECT_EQ(result.violation, "");
  EXPECT_EQ(result.restarts, 0U);
  std::size_t lost = 0, joined = 0;
  for (const Event& event : result.journal) {
    lost += std::holds_alternative<RankLost>(event);
    joined += std::holds_alternative<RankJoined>(event);
  }
  EXPECT_GT(lost, 0U);
  EXPECT_GT(joined, 4U);
}

TEST_F(Simulated, AttemptsAreSpentOnlyWhereTheyFailed) {
  Plan plan = sweep_plan(4, 2);
  plan.max_attempts = 1;
  Faults faults;
  faults.coordinator_dies_s = 10;  // a stage cut short by it has not failed
  const SimulationResult result = Simulation(plan, 2, faults, 7).run();
  EXPECT_EQ(result.violation, "");
  EXPECT_GT(result.restarts, 0U);
  EXPECT_EQ(result.outcome, RunOutcome::done);
}

}  // namespace
}  // namespace vlsweep::testing
