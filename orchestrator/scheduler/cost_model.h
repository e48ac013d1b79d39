// How long a stage will take: the planner's estimate, corrected by what finished stages of its kind
// took. Predictions change only at refresh(), so that sums and orders made of them stay consistent.
//
// A value of the scheduler's thread.
#pragma once

#include <array>
#include <cstdint>

#include "orchestrator/protocol/stage.h"

namespace vlsweep {

class CostModel {
 public:
  // A stage of this kind with this estimate (0: none) took so long.
  void observe(StageKind kind, double estimate_s, double seconds);
  // Enough was observed, and it differs enough, for a refresh to pay: O(log n) times a kind.
  bool refresh_due() const { return due_; }
  void refresh();
  // Seconds; never negative.
  float predict(StageKind kind, double estimate_s) const;

 private:
  struct Sums {
    std::uint64_t with_estimate = 0;
    double estimated_s = 0;
    double took_s = 0;
    std::uint64_t without_estimate = 0;
    double took_unestimated_s = 0;
    std::uint64_t next_look = 1;
  };
  struct Correction {
    double factor = 1;  // on an estimate
    double mean_s = 0;  // where there is none
  };
  static constexpr std::size_t kNumKinds = 6;
  Correction learned(std::size_t kind) const;
  static Correction initial(std::size_t kind);

  std::array<Sums, kNumKinds> sums_{};
  std::array<Correction, kNumKinds> used_{initial(0), initial(1), initial(2),
                                          initial(3), initial(4), initial(5)};
  bool due_ = false;
};

}  // namespace vlsweep
