// LoRA on a model's language model, as peft starts it: A kaiming-uniform (a = sqrt 5), B zero, the
// base frozen. Used by the model's one thread.
#pragma once

#include <cstdint>

#include "worker/trainer/model/vision_language_model.h"

namespace vlsweep {

struct LoraSettings {
  std::int64_t rank = 8;
  double alpha = 16;
  double dropout = 0;
};

// Attaches to q, k, v, o, gate, up and down of every layer and freezes everything but LoRA's
// matrices (float32) and the projector.
void attach_lora(VisionLanguageModel& model, const LoraSettings& settings, std::uint64_t seed);

// A linear's weight with its LoRA added in float32, in the weight's dtype.
at::Tensor merged_weight(const FusedLinear& linear);

// W += scale * B A in float32, then the LoRA matrices are gone.
void merge_lora(VisionLanguageModel& model);

}  // namespace vlsweep
