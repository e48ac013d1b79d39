#include "worker/trainer/train/loop.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "worker/trainer/train/memory.h"

namespace vlsweep {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kStepsPerMemoryPoint = 10;
constexpr std::size_t kPointsTogether = 10'000;

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

// What a step has to say.
struct StepFacts {
  std::int64_t step;  // of the stage
  double loss, lr, norm;
  bool skipped;
  double tokens_per_s;

  std::vector<SeriesPoint> points() const {
    std::vector<SeriesPoint> points{
        {"loss", step, loss}, {"lr", step, lr}, {"tokens_per_s", step, tokens_per_s}};
    if (!skipped) points.push_back({"grad_norm", step, norm});
    if (step % kStepsPerMemoryPoint == 1)
      points.push_back({"memory_bytes", step, static_cast<double>(resident_bytes())});
    return points;
  }
};

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

namespace {

class Loop {
 public:
  Loop(const LoopSettings& settings, FlatAdamW& optimizer, const StepFunction& step_function,
       StageSink& sink, TrainState state)
      : settings_(settings),
        optimizer_(optimizer),
        step_function_(step_function),
        sink_(sink),
        state_(std::move(state)) {}

  Result<TrainState> run() {
    say_again();
    while (state_.step < settings_.steps) {
      if (cancelled(settings_.gang, sink_)) {
        if (settings_.save && state_.step > 0) save();
        return fail(Errc::cancelled, "stopped on request" +
                                         (state_.complaint.empty() ? "" : "; " + state_.complaint));
      }
      VLSWEEP_CHECK_OK(step());
      if (is_time_to_save()) save();
    }
    return std::move(state_);
  }

 private:
  // A stage that goes on has its whole series in what it says.
  void say_again() {
    for (std::size_t at = 0; at < state_.points.size(); at += kPointsTogether) {
      const auto begin = state_.points.begin() + static_cast<std::ptrdiff_t>(at);
      const auto count = std::min(kPointsTogether, state_.points.size() - at);
      sink_.progress(settings_.first_step + state_.step, settings_.stage_steps,
                     {begin, begin + static_cast<std::ptrdiff_t>(count)});
    }
  }

  Result<> step() {
    const double lr = settings_.lr * settings_.schedule(state_.step);
    StepLoss result = step_function_(optimizer_);
    sum_over(settings_.gang, result);
    optimizer_.sum_gradients();
    const at::Tensor norm_tensor = optimizer_.gradient_norm();
    optimizer_.clip_gradients(norm_tensor, settings_.clip);
    const auto [loss, norm] = read_scalars(result.loss, norm_tensor);
    const std::int64_t stage_step = settings_.first_step + ++state_.step;
    if (!std::isfinite(loss)) return diverged("the loss", loss, stage_step);
    const bool skipped = !std::isfinite(norm);
    if (skipped && !optimizer_.back_off()) return diverged("the gradient's norm", norm, stage_step);
    if (!skipped) optimizer_.step(lr);
    if (state_.losses.size() == kLossWindow) state_.losses.erase(state_.losses.begin());
    state_.losses.push_back(loss);
    state_.num_tokens += result.num_tokens;
    const Clock::time_point now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - before_).count();
    before_ = now;
    say({stage_step, loss, lr, norm, skipped,
         static_cast<double>(result.num_tokens) / std::max(seconds, 1e-9)});
    return {};
  }

  void say(const StepFacts& facts) {
    std::vector<SeriesPoint> points = facts.points();
    if (settings_.save) state_.points.insert(state_.points.end(), points.begin(), points.end());
    sink_.progress(facts.step, settings_.stage_steps, std::move(points));
  }

  // The members of a gang save after the same step: when it is time for one, it is for all.
  bool is_time_to_save() const {
    if (!settings_.save || state_.step == settings_.steps) return false;
    const std::chrono::duration<double> since = Clock::now() - saved_;
    const bool due = since.count() >= settings_.seconds_between_saves;
    return settings_.gang == nullptr ? due : settings_.gang->any(due);
  }

  void save() {
    const Result<> saved = settings_.save(state_);
    state_.complaint =
        saved ? "" : "the state to resume from could not be written: " + saved.error().text();
    before_ = saved_ = Clock::now();
  }

  const LoopSettings& settings_;
  FlatAdamW& optimizer_;
  const StepFunction& step_function_;
  StageSink& sink_;
  TrainState state_;
  Clock::time_point before_ = Clock::now(), saved_ = before_;
};

}  // namespace

Result<TrainState> train(const LoopSettings& settings, FlatAdamW& optimizer,
                         const StepFunction& step_function, StageSink& sink, TrainState state) {
  return Loop(settings, optimizer, step_function, sink, std::move(state)).run();
}

}  // namespace vlsweep
