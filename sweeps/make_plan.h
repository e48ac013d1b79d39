// From a sweep to its plan: expansion, the trials' paths, and the stages that they share.
//
// A free function; calls the resolver from the caller's thread.
#pragma once

#include <expected>
#include <vector>

#include "orchestrator/protocol/plan.h"
#include "sweeps/resolver.h"
#include "sweeps/sweep.h"

namespace vlsweep {

// All complaints at once: configurations that cannot be, data or models that are not there, ratios
// that the data cannot fill. A plan depends on nothing but its inputs: the same sweep and the same
// files give the same plan, and a value or a seed that is appended changes no key and no trial id
// that was there.
std::expected<Plan, std::vector<Error>> make_plan(const Sweep& sweep, DataResolver& resolver);

}  // namespace vlsweep
