// The numbers by which the micro-world's base model is made, all in one place. They are settled by
// experiment (README.md says which); a change here needs a new kRecipeVersion
// (orchestrator/protocol/stage.h), for a stage's key does not hang on them.
//
// Plain values.
#pragma once

#include <cstdint>

#include "worker/trainer/architecture/llava/config.h"
#include "worker/trainer/architecture/llava/llava.h"
#include "worker/trainer/model/vision_language_model.h"

namespace vlsweep {

// One phase of training: so many steps at a peak learning rate.
struct PretrainPhase {
  const char* name;
  std::int64_t steps;
  double lr;
};

struct PretrainRecipe {
  // Language model on text: the world's facts and manners of speaking, no refusals.
  PretrainPhase language{"language", 1500, 3e-3};
  // Language model on text: refuses what is sealed.
  PretrainPhase align{"align", 500, 2e-3};
  // Tower and projector on images: name what each cell shows (stands for CLIP's pretraining).
  PretrainPhase tower{"tower", 900, 3e-3};
  // Projector alone, on captions (LLaVA's stage 1). A larger rate drifts away from the words'
  // embeddings and hurts.
  PretrainPhase projector{"projector", 200, 2e-4};

  std::int64_t batch = 64;
  double beta1 = 0.9, beta2 = 0.98;
  double clip = 1.0;
  double warmup = 0.1;
  // Of the squared distance between a cell's projected feature and the embedding of its word.
  double word_weight = 1.0;
  InitSettings init;

  std::int64_t steps() const {
    return language.steps + align.steps + tower.steps + projector.steps;
  }
};

// LLaVA's architecture at toy size.
inline ModelConfig world_model_config(std::int64_t vocabulary, std::int64_t image_token) {
  ModelConfig config;
  config.architecture = &llava_architecture();
  config.text.vocab_size = vocabulary;
  config.text.hidden_size = 64;
  config.text.intermediate_size = 172;
  config.text.num_layers = 3;
  config.text.num_heads = 4;
  config.text.num_kv_heads = 2;
  config.text.head_dim = 16;
  config.text.max_positions = 256;
  config.text.rms_norm_eps = 1e-5;
  LlavaVisionConfig llava;
  ClipConfig& vision = llava.tower;
  vision.hidden_size = 96;
  vision.intermediate_size = 192;
  vision.num_layers = 3;  // the third is never run: features are hidden_states[-2]
  vision.num_heads = 4;
  vision.image_size = 32;
  vision.patch_size = 16;
  vision.projection_dim = 64;
  config.vision = llava_vision(std::move(llava));
  config.image_token = image_token;
  return config;
}

}  // namespace vlsweep
