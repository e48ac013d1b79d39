// Plans for tests and benchmarks.
//
// Plain functions.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "orchestrator/protocol/plan.h"

namespace vlsweep::testing {

// A key that says its number; not a hash, but as different as one.
Key key_of(std::uint64_t number);

Stage make_stage(std::uint32_t index, StageKind kind, std::vector<std::uint32_t> parents = {},
                 double cost_s = 0, std::uint16_t cores = 1);

// `size` independent noop stages.
Plan noop_plan(std::uint32_t size);

// A sweep in small: a pretrain stage, tunes below it, post-hoc tunes below some, suites responded
// to and judged for each checkpoint.
Plan sweep_plan(std::uint32_t tunes, std::uint32_t suites);

// A random DAG of noop stages, each with up to three parents.
Plan random_plan(std::uint32_t size, std::mt19937_64& random);

}  // namespace vlsweep::testing
