// Which stages want the same thing warm on their rank: the stages that begin from one checkpoint,
// whether a parent stage makes it or a folder of the user's holds it.
//
// Plain functions and values.
#pragma once

#include <cstdint>
#include <vector>

#include "orchestrator/protocol/plan.h"

namespace vlsweep {

inline constexpr std::uint32_t kNoGroup = 0xFFFFFFFF;

// For each stage its group: the index of its first parent; without parents, a number from the
// plan's size on, one for each base model named in the specs; kNoGroup if it begins from nothing.
std::vector<std::uint32_t> residency_groups(const Plan& plan);

// Whether a stage leaves something that its children want warm (and so displaces what was).
bool leaves_a_model(StageKind kind);

}  // namespace vlsweep
