#include "orchestrator/scheduler/cost_model.h"

#include <algorithm>
#include <cmath>

namespace vlsweep {
namespace {

// Smaller changes do not reorder anything that matters.
constexpr double kRelativeChange = 0.2;
constexpr double kAbsoluteChangeS = 1e-3;
// A stage with neither an estimate nor a finished one of its kind.
constexpr double kUnknownCostS = 1;

bool differs(double learned, double used, double tolerance) {
  return std::abs(learned - used) > std::max(tolerance, kRelativeChange * used);
}

}  // namespace

CostModel::Correction CostModel::initial(std::size_t kind) {
  return {1, kind == static_cast<std::size_t>(StageKind::noop) ? 0 : kUnknownCostS};
}

CostModel::Correction CostModel::learned(std::size_t kind) const {
  const Sums& sums = sums_[kind];
  Correction correction = initial(kind);
  if (sums.estimated_s > 0) correction.factor = sums.took_s / sums.estimated_s;
  if (sums.without_estimate > 0)
    correction.mean_s = sums.took_unestimated_s / static_cast<double>(sums.without_estimate);
  return correction;
}

void CostModel::observe(StageKind kind, double estimate_s, double seconds) {
  const auto index = static_cast<std::size_t>(kind);
  if (index >= kNumKinds || !std::isfinite(seconds) || seconds < 0) return;
  Sums& sums = sums_[index];
  if (estimate_s > 0) {
    ++sums.with_estimate;
    sums.estimated_s += estimate_s;
    sums.took_s += seconds;
  } else {
    ++sums.without_estimate;
    sums.took_unestimated_s += seconds;
  }
  // Looking at 1, 2, 4, 8, ... observations keeps the refreshes few.
  if (sums.with_estimate + sums.without_estimate < sums.next_look) return;
  sums.next_look *= 2;
  const Correction now = learned(index);
  due_ = due_ || differs(now.factor, used_[index].factor, 0) ||
         differs(now.mean_s, used_[index].mean_s, kAbsoluteChangeS);
}

void CostModel::refresh() {
  for (std::size_t kind = 0; kind < kNumKinds; ++kind) used_[kind] = learned(kind);
  due_ = false;
}

float CostModel::predict(StageKind kind, double estimate_s) const {
  const auto index = std::min(static_cast<std::size_t>(kind), kNumKinds - 1);
  const double seconds = estimate_s > 0 ? estimate_s * used_[index].factor : used_[index].mean_s;
  return static_cast<float>(seconds);
}

}  // namespace vlsweep
