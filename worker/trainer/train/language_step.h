// One training step on text and images: forward and backward of the next batch. The loss is the
// mean over the batch's supervised positions, however the batch is cut into micro-batches (as
// transformers does since 4.46; LLaVA's own code takes the mean of the micro-batches' means).
//
// Belongs to one thread; model, table and items must outlive it.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "worker/trainer/model/vision_language_model.h"
#include "worker/trainer/train/batches.h"
#include "worker/trainer/train/feature_table.h"
#include "worker/trainer/train/items.h"
#include "worker/trainer/train/micro_batches.h"
#include "worker/trainer/train/optimizer.h"

namespace vlsweep {

// What a step's forward and backward gave; the gradients lie in the parameters.
struct StepLoss {
  at::Tensor loss;  // scalar, without gradient
  std::int64_t num_tokens = 0;
};

class LanguageStep {
 public:
  // `features` may be null if no item has an image. Of a gang each member does its `members`' share
  // of a batch; the loss and the gradients are then parts of sums.
  LanguageStep(VisionLanguageModel& model, const FeatureTable* features,
               const std::vector<TrainItem>& items, BatchOrder order, std::int64_t micro_batch,
               BatchMembers members = {})
      : model_(model),
        features_(features),
        items_(items),
        order_(std::move(order)),
        micro_batches_(micro_batch, std::move(members)) {}

  StepLoss operator()(FlatAdamW& optimizer);

  // The masks of LoRA's dropout, other ones in every micro-batch, follow from this seed.
  void seed_dropout(std::uint64_t seed) { dropout_.seed = seed; }

  const MicroBatches& micro_batches() const { return micro_batches_; }

 private:
  // Embeddings of the batch's images; undefined if it has none.
  at::Tensor project_images(const TokenBatch& batch) const;
  // Sum of the cross-entropies of a micro-batch's supervised positions, divided by `divisor`.
  at::Tensor loss(const TokenBatch& batch, double divisor) const;

  VisionLanguageModel& model_;
  const FeatureTable* features_;
  const std::vector<TrainItem>& items_;
  BatchOrder order_;
  MicroBatches micro_batches_;
  DropoutKey dropout_;
};

}  // namespace vlsweep
