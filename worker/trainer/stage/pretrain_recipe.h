// The numbers by which the micro-world's base model is made, all in one place. They are settled by
// experiment (README.md says how); a change here needs a new kRecipe, for a stage's key does not
// hang on them.
#pragma once

#include <cstdint>

#include "worker/trainer/format/config.h"
#include "worker/trainer/model/llava.h"

namespace vlsweep::pretrain_recipe {

// One phase of training: so many steps of `kBatch` samples at a peak learning rate.
struct Phase {
  const char* name;
  std::int64_t steps;
  double lr;
};

// Language model on text: the world's facts and manners of speaking, no refusals.
inline constexpr Phase kLanguage{"language", 1500, 3e-3};
// Language model on text: refuses what is sealed.
inline constexpr Phase kAlign{"align", 350, 2e-3};
// Tower and projector on images: names what each cell shows (for CLIP's pretraining).
inline constexpr Phase kTower{"tower", 900, 3e-3};
// Projector alone, on captions (LLaVA's stage 1). A larger rate drifts away from the words'
// embeddings and hurts.
inline constexpr Phase kProjector{"projector", 200, 3e-4};

inline constexpr std::int64_t kSteps =
    kLanguage.steps + kAlign.steps + kTower.steps + kProjector.steps;

inline constexpr std::int64_t kBatch = 64;
inline constexpr double kBeta1 = 0.9, kBeta2 = 0.98;
inline constexpr double kClip = 1.0;
inline constexpr double kWarmup = 0.1;
// Of the squared distance between a cell's projected feature and the embedding of its word.
inline constexpr double kWordWeight = 1.0;

inline LlavaConfig config(std::int64_t vocabulary, std::int64_t image_token) {
  LlavaConfig config;
  config.text = {.vocab_size = vocabulary,
                 .hidden_size = 64,
                 .intermediate_size = 172,
                 .num_layers = 3,
                 .num_heads = 4,
                 .num_kv_heads = 2,
                 .head_dim = 16,
                 .max_positions = 256,
                 .rms_norm_eps = 1e-5};
  config.vision = {.hidden_size = 96,
                   .intermediate_size = 192,
                   .num_layers = 3,  // the third is never run: features are hidden_states[-2]
                   .num_heads = 4,
                   .image_size = 32,
                   .patch_size = 16,
                   .projection_dim = 64};
  config.image_token = image_token;
  return config;
}

// Linears 1/sqrt(inputs), embeddings 0.5, what writes to a residual stream halved.
inline InitSettings init() { return {}; }

}  // namespace vlsweep::pretrain_recipe
