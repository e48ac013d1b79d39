// The learning rate over the steps of a stage. A pure function; safe from any thread.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "worker/trainer/stage/spec.h"

namespace vlsweep {

// The factor on the peak learning rate at `step` (from 0) of `steps`: the decay over all steps
// times a linear warm-up over the first `warmup` share of them, as the micro-world's recipe was
// tuned. The last step's factor is small but not zero.
inline double schedule_factor(Schedule schedule, double warmup, std::int64_t step,
                              std::int64_t steps) {
  const double progress = static_cast<double>(step) / static_cast<double>(steps);
  const double warm = std::min(
      1.0, static_cast<double>(step + 1) / std::max(1.0, warmup * static_cast<double>(steps)));
  switch (schedule) {
    case Schedule::cosine:
      return warm * (0.5 + 0.5 * std::cos(std::numbers::pi * progress));
    case Schedule::linear:
      return warm * (1 - progress);
    case Schedule::constant:
      break;
  }
  return warm;
}

}  // namespace vlsweep
