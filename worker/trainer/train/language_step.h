// One training step on text and images: forward and backward of the next batch.
//
// Belongs to one thread; model, table and items must outlive it.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <utility>
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

struct StepSettings {
  std::int64_t micro_batch = 1;
  // Less than micro_batch where memory ran out before; 0: the same.
  std::int64_t fitting_micro_batch = 0;
  // token: the mean over the batch's supervised positions, however the batch is cut (transformers
  // since 4.46). micro_batch: the mean of the means of micro-batches of `micro_batch` samples, as
  // LLaVA's pinned transformers; of those even where memory makes the pieces smaller.
  LossNormalization normalization = LossNormalization::token;
  bool packing = false;  // a micro-batch's samples in one row, without padding
  std::uint64_t dropout_seed = 0;
  bool trains_tower = false;  // images go through the tower in every step
};

class LanguageStep {
 public:
  // `images` may be null if no item has an image; where the tower is trained it keeps pixels. Of a
  // gang each member does its `members`' share of a batch; the loss and the gradients are then
  // parts of sums.
  LanguageStep(VisionLanguageModel& model, const FeatureTable* images,
               const std::vector<TrainItem>& items, BatchOrder order, const StepSettings& settings,
               BatchMembers members = {})
      : model_(model),
        images_(images),
        items_(items),
        settings_(settings),
        order_(std::move(order)),
        micro_batches_(
            settings.fitting_micro_batch > 0 ? settings.fitting_micro_batch : settings.micro_batch,
            std::move(members)) {}

  StepLoss operator()(FlatAdamW& optimizer);

  // Goes past the next `steps` batches, as if they had been done.
  void skip(std::int64_t steps);

  const MicroBatches& micro_batches() const { return micro_batches_; }

 private:
  // The weight of each sample's losses in the step's loss.
  std::vector<double> weights(const std::vector<std::int64_t>& batch) const;
  // Embeddings of the batch's images; undefined if it has none.
  at::Tensor project_images(const TokenBatch& batch) const;
  // The weighted sum of the cross-entropies of a micro-batch's supervised positions, times `scale`.
  at::Tensor loss(const TokenBatch& batch, double scale) const;

  VisionLanguageModel& model_;
  const FeatureTable* images_;
  const std::vector<TrainItem>& items_;
  StepSettings settings_;
  BatchOrder order_;
  MicroBatches micro_batches_;
  std::int64_t step_ = 0;  // batches taken before the next
};

}  // namespace vlsweep
