// The order in which a stage visits its samples: endless epochs of batches.
//
// Belongs to one thread.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "worker/trainer/stage/spec.h"
#include "worker/trainer/train/random.h"

namespace vlsweep {

struct OrderSettings {
  std::int64_t batch = 1;
  Grouping grouping = Grouping::none;
  std::int64_t micro_batch = 1;  // for modality_length alone; divides batch
  std::uint64_t seed = 0;
};

// none: a shuffled epoch, cut into batches. length: the epoch is cut into chunks of 8 batches, each
// sorted by length, so that a batch holds samples of about one length and is hardly padded; the
// batches are shuffled. Both drop the ragged last batch (its samples come in other epochs); with
// fewer samples than `batch`, a batch is all of them. modality_length: LLaVA's order
// (modality_order.h), all of an epoch, its last batch as short as it is. Everything hangs on the
// seed alone.
class BatchOrder {
 public:
  // `lengths` of the samples (at least one): tokens, or for modality_length words, below 0 without
  // an image; not looked at by `none`.
  BatchOrder(std::vector<std::int64_t> lengths, const OrderSettings& settings);

  // Indices of the next batch's samples.
  std::vector<std::int64_t> next();
  std::int64_t batches_per_epoch() const;

 private:
  void begin_epoch();
  std::vector<std::int64_t> epoch();

  std::vector<std::int64_t> lengths_;
  OrderSettings settings_;
  SplitMix64 random_;
  std::mt19937 torch_random_;                    // of modality_length
  std::vector<std::vector<std::int64_t>> left_;  // of this epoch, taken from the back
};

}  // namespace vlsweep
