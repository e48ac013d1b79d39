#include "worker/trainer/train/loop.h"

#include <chrono>
#include <cmath>
#include <numeric>
#include <string>

#include "worker/trainer/train/memory.h"

namespace vlsweep {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kStepsPerMemoryPoint = 10;

// Two scalars in one transfer from the device.
std::pair<double, double> read_scalars(const at::Tensor& first, const at::Tensor& second) {
  if (first.is_cpu()) return {first.item<double>(), second.item<double>()};
  const at::Tensor both = at::stack({first, second}).cpu();
  return {both[0].item<double>(), both[1].item<double>()};
}

std::unexpected<Error> diverged(const char* what, double value, std::int64_t step) {
  return fail(Errc::diverged, std::string(what) + " is " + std::to_string(value) + " at step " +
                                  std::to_string(step) + "; try a lower learning rate");
}

std::vector<SeriesPoint> points_of(std::int64_t step, double loss, double lr, double norm,
                                   double tokens_per_s) {
  std::vector<SeriesPoint> points{{"loss", step, loss},
                                  {"lr", step, lr},
                                  {"grad_norm", step, norm},
                                  {"tokens_per_s", step, tokens_per_s}};
  if (step % kStepsPerMemoryPoint == 1)
    points.push_back({"memory_bytes", step, static_cast<double>(resident_bytes())});
  return points;
}

bool cancelled(ProcessGroup* gang, StageSink& sink) {
  return gang == nullptr ? sink.cancelled() : gang->any(sink.cancelled());
}

// Each member has done a part of the batch: now every one has the loss of all.
void sum_over(ProcessGroup* gang, StepLoss& step) {
  if (gang == nullptr) return;
  gang->sum(step.loss);
  step.num_tokens = static_cast<std::int64_t>(
      gang->sum(std::vector{static_cast<double>(step.num_tokens)}).front());
}

}  // namespace

double final_loss(const TrainState& state) {
  return std::accumulate(state.losses.begin(), state.losses.end(), 0.0) /
         static_cast<double>(state.losses.size());
}

Result<TrainState> train(const LoopSettings& settings, FlatAdamW& optimizer,
                         const StepFunction& step_function, StageSink& sink) {
  TrainState state;
  Clock::time_point before = Clock::now();
  while (state.step < settings.steps) {
    if (cancelled(settings.gang, sink)) return fail(Errc::cancelled, "stopped on request");
    const double lr = settings.lr * settings.schedule(state.step);
    StepLoss result = step_function(optimizer);
    sum_over(settings.gang, result);
    optimizer.sum_gradients();
    const at::Tensor norm_tensor = optimizer.gradient_norm();
    if (settings.clip > 0) optimizer.clip_gradients(norm_tensor, settings.clip);
    const auto [loss, norm] = read_scalars(result.loss, norm_tensor);
    const std::int64_t stage_step = settings.first_step + ++state.step;
    if (!std::isfinite(loss)) return diverged("the loss", loss, stage_step);
    if (!std::isfinite(norm)) return diverged("the gradient's norm", norm, stage_step);
    optimizer.step(lr);
    if (state.losses.size() == kLossWindow) state.losses.erase(state.losses.begin());
    state.losses.push_back(loss);
    state.num_tokens += result.num_tokens;
    const Clock::time_point now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - before).count();
    before = now;
    sink.progress(stage_step, settings.stage_steps,
                  points_of(stage_step, loss, lr, norm,
                            static_cast<double>(result.num_tokens) / std::max(seconds, 1e-9)));
  }
  return state;
}

}  // namespace vlsweep
