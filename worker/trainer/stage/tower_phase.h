// The micro-world's stand-in for CLIP's pretraining: tower and projector learn to name what stands
// in each cell of an image, and to put it where the language model has the word for it.
//
// Belongs to one thread; the model must outlive it.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/trainer/model/vision_language_model.h"
#include "worker/trainer/stage/world_text.h"
#include "worker/trainer/text/tokenizer.h"
#include "worker/trainer/train/batches.h"
#include "worker/trainer/train/loop.h"

namespace vlsweep {

struct TowerSettings {
  std::int64_t batch = 64;
  std::uint64_t seed = 0;
  double word_weight = 1;  // of the distance to the words
};

class TowerPhase {
 public:
  // Reads all images. invalid: an image is bad, its words are not one per feature, or a word is not
  // one token.
  static Result<TowerPhase> make(const VisionLanguageModel& model, const Tokenizer& tokenizer,
                                 const std::vector<LabelledImage>& images,
                                 const TowerSettings& settings, const std::function<bool()>& stop);

  // The heads that are thrown away afterwards; to be trained along with tower and projector.
  std::vector<TrainableParameter> head_parameters() const;

  // Cross-entropy of symbols (all cells) and colours (cells with a glyph), and the mean squared
  // distance between projected features and words. Forward and backward of the next batch.
  StepLoss operator()(FlatAdamW& optimizer);

 private:
  TowerPhase(const VisionLanguageModel& model, BatchOrder order, double word_weight)
      : model_(model), word_weight_(word_weight), order_(std::move(order)) {}

  const VisionLanguageModel& model_;
  double word_weight_;
  BatchOrder order_;
  at::Tensor pixels_;             // [N, 3, S, S]
  at::Tensor symbols_, colours_;  // [N, P] classes; colours_ -100 where there is no glyph
  at::Tensor words_;              // [N, P] token ids
  at::Tensor symbol_weight_, symbol_bias_, colour_weight_, colour_bias_;
};

}  // namespace vlsweep
