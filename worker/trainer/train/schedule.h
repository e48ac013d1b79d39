// The learning rate over the steps of a stage. A pure function; safe from any thread.
#pragma once

#include <cstdint>

#include "worker/trainer/stage/spec.h"

namespace vlsweep {

struct RateSchedule {
  Schedule kind = Schedule::cosine;
  std::int64_t steps = 1;
  std::int64_t warmup_steps = 0;
  // Of the peak rate, for linear_warmup_cosine: where the decay ends and the warm-up begins.
  double min_factor = 0, warmup_factor = 0;
};

// transformers' TrainingArguments: ceil(ratio * steps).
std::int64_t warmup_steps_of(double ratio, std::int64_t steps);

// The factor on the peak learning rate at `step` (from 0): transformers'
// get_{cosine,linear,constant}_schedule_with_warmup (optimization.py), which begin at 0 where there
// is a warm-up; or LAVIS's LinearWarmupCosineLRScheduler (MiniGPT-4's common/optims.py), whose
// cosine runs over all steps, the warm-up's included.
double schedule_factor(const RateSchedule& schedule, std::int64_t step);

}  // namespace vlsweep
