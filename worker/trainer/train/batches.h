// The order in which a stage visits its samples: endless epochs of batches of one size.
//
// Belongs to one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/trainer/train/random.h"

namespace vlsweep {

// An epoch: shuffle; cut into chunks of 8 batches; sort each chunk by length, so that a batch holds
// samples of about one length and is hardly padded; shuffle the batches. The ragged last batch is
// dropped (its samples come in other epochs). With fewer samples than `batch`, a batch is all of
// them. Everything hangs on the seed alone.
class BatchOrder {
 public:
  // `lengths` of the samples (at least one); ignored if `by_length` is false.
  BatchOrder(std::vector<std::int64_t> lengths, std::int64_t batch, bool by_length,
             std::uint64_t seed);

  // Indices of the next batch's samples.
  std::vector<std::int64_t> next();
  std::int64_t batches_per_epoch() const;

 private:
  void begin_epoch();

  std::vector<std::int64_t> lengths_;
  std::size_t batch_;
  bool by_length_;
  SplitMix64 random_;
  std::vector<std::vector<std::int64_t>> left_;  // of this epoch, taken from the back
};

}  // namespace vlsweep
