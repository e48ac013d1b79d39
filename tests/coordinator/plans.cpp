#include "tests/coordinator/plans.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace vlsweep::testing {

Key key_of(std::uint64_t number) {
  Key key;
  const std::uint64_t scattered = (number + 1) * 0x9E3779B97F4A7C15ULL;
  std::memcpy(key.bytes.data(), &scattered, sizeof scattered);
  std::memcpy(key.bytes.data() + 8, &number, sizeof number);
  return key;
}

Stage make_stage(std::uint32_t index, StageKind kind, std::vector<std::uint32_t> parents,
                 double cost_s, std::uint16_t cores) {
  Stage stage;
  stage.key = key_of(index);
  stage.kind = kind;
  stage.name = std::string(stage_kind_name(kind)) + " " + std::to_string(index);
  stage.parents = std::move(parents);
  stage.spec = "{\"index\":" + std::to_string(index) + "}";
  stage.resources.cores = cores;
  stage.cost_s = cost_s;
  return stage;
}

Plan noop_plan(std::uint32_t size) {
  Plan plan;
  plan.name = "noop";
  plan.stages.reserve(size);
  for (std::uint32_t i = 0; i < size; ++i) plan.stages.push_back(make_stage(i, StageKind::noop));
  return plan;
}

Plan sweep_plan(std::uint32_t tunes, std::uint32_t suites) {
  Plan plan;
  plan.name = "sweep";
  const auto add = [&](StageKind kind, std::vector<std::uint32_t> parents, double cost_s,
                       std::uint16_t cores) {
    const auto index = static_cast<std::uint32_t>(plan.stages.size());
    plan.stages.push_back(make_stage(index, kind, std::move(parents), cost_s, cores));
    return index;
  };
  const auto evaluate = [&](std::uint32_t checkpoint) {
    for (std::uint32_t suite = 0; suite < suites; ++suite)
      add(StageKind::judge, {add(StageKind::respond, {checkpoint}, 1, 1)}, 0.05, 1);
  };
  const std::uint32_t base = add(StageKind::pretrain, {}, 30, 2);
  evaluate(base);
  for (std::uint32_t tune = 0; tune < tunes; ++tune) {
    const std::uint32_t tuned = add(StageKind::tune, {base}, 10, 1);
    evaluate(tuned);
    if (tune % 2 == 0) evaluate(add(StageKind::tune, {tuned}, 5, 1));
  }
  return plan;
}

Plan random_plan(std::uint32_t size, std::mt19937_64& random) {
  Plan plan;
  plan.name = "random";
  for (std::uint32_t i = 0; i < size; ++i) {
    std::set<std::uint32_t> parents;
    for (std::uint64_t n = random() % 4; i > 0 && n > 0; --n)
      parents.insert(static_cast<std::uint32_t>(random() % i));
    plan.stages.push_back(make_stage(i, StageKind::noop, {parents.begin(), parents.end()},
                                     static_cast<double>(random() % 20) / 10,
                                     static_cast<std::uint16_t>(1 + random() % 2)));
  }
  return plan;
}

}  // namespace vlsweep::testing
