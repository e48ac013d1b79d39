#include "worker/trainer/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace vlsweep {
namespace {

double ratio(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(std::max<std::int64_t>(1, whole));
}

double half_cosine(double progress) { return 0.5 * (1.0 + std::cos(std::numbers::pi * progress)); }

double lavis_factor(const RateSchedule& schedule, std::int64_t step) {
  if (step < schedule.warmup_steps)
    return std::min(1.0, schedule.warmup_factor +
                             (1.0 - schedule.warmup_factor) * ratio(step, schedule.warmup_steps));
  return (1.0 - schedule.min_factor) * half_cosine(ratio(step, schedule.steps)) +
         schedule.min_factor;
}

}  // namespace

std::int64_t warmup_steps_of(double ratio, std::int64_t steps) {
  return static_cast<std::int64_t>(std::ceil(ratio * static_cast<double>(steps)));
}

double schedule_factor(const RateSchedule& schedule, std::int64_t step) {
  if (schedule.kind == Schedule::linear_warmup_cosine) return lavis_factor(schedule, step);
  const std::int64_t warmup = schedule.warmup_steps;
  if (step < warmup) return ratio(step, warmup);
  switch (schedule.kind) {
    case Schedule::cosine:
      return std::max(0.0, half_cosine(ratio(step - warmup, schedule.steps - warmup)));
    case Schedule::linear:
      return std::max(0.0, ratio(schedule.steps - step, schedule.steps - warmup));
    case Schedule::constant:
    case Schedule::linear_warmup_cosine:
      break;
  }
  return 1.0;
}

}  // namespace vlsweep
