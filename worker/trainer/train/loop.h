// The training loop: forward and backward, clip, check, step, report. Deterministic on a CPU: the
// same settings, data and number of threads give the same bits.
//
// Belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/trainer/stage/sink.h"
#include "worker/trainer/train/language_step.h"
#include "worker/trainer/train/optimizer.h"

namespace vlsweep {

// All that a loop itself changes while it runs; the optimizer's state and the step function's are
// theirs.
struct TrainState {
  std::int64_t step = 0;  // steps done
  std::int64_t num_tokens = 0;
  std::vector<double> losses;       // of the last kLossWindow steps
  std::vector<SeriesPoint> points;  // all that was said, where the state is saved
  std::string complaint;            // why it could not be saved the last time
};

struct LoopSettings {
  std::int64_t steps = 1;
  double lr = 0;
  double clip = 0;  // 0: no limit
  // The factor on `lr` at a step of these, from 0.
  std::function<double(std::int64_t step)> schedule = [](std::int64_t) { return 1.0; };
  // Where these steps stand among all the steps of the stage (pretraining has several loops).
  std::int64_t first_step = 0;
  std::int64_t stage_steps = 1;
  // Writes the state down, for a stage that is resumed: every so many seconds, and when the stage
  // is cancelled. Not given: never. What it complains of does not end the stage.
  std::function<Result<>(const TrainState&)> save;
  double seconds_between_saves = 600;
  // The trainers that share each step, or null. Cancelling one cancels all, between two steps.
  ProcessGroup* gang = nullptr;
};

inline constexpr std::size_t kLossWindow = 10;
// The loss that a training stage reports: the mean of the last kLossWindow steps.
double final_loss(const TrainState& state);

// Forward and backward of the next batch, gradients zeroed before.
using StepFunction = std::function<StepLoss(FlatAdamW&)>;

// Goes on from `state` (optimizer and step function stand where it does; its points are said again)
// to the last step. Per step one point each of loss, lr, grad_norm and tokens_per_s, now and then
// memory_bytes. A step whose gradients are not finite by the loss's scale alone (float16) is left
// out and has no grad_norm. diverged: a loss or gradient is not finite, before it reaches the
// parameters; cancelled.
Result<TrainState> train(const LoopSettings& settings, FlatAdamW& optimizer,
                         const StepFunction& step_function, StageSink& sink, TrainState state = {});

}  // namespace vlsweep
