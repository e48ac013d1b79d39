// LoRA on a model's language model, as peft starts it: A kaiming-uniform (a = sqrt 5), B zero, the
// base frozen. Used by the model's one thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/trainer/model/vision_language_model.h"

namespace vlsweep {

inline constexpr std::array<std::string_view, 7> kLoraTargets{
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};

struct LoraSettings {
  std::int64_t rank = 8;
  double alpha = 16;
  double dropout = 0;
  // Last parts of the linears' names, of kLoraTargets.
  std::vector<std::string> targets{kLoraTargets.begin(), kLoraTargets.end()};
  bool rslora = false;  // scale by alpha / sqrt(rank)
};

// Attaches to the targets of every layer and freezes everything but LoRA's matrices (float32) and
// the projector. c10::Error when a target is none of kLoraTargets, or there is none.
void attach_lora(VisionLanguageModel& model, const LoraSettings& settings, std::uint64_t seed);

// A part's rows of the weight with its LoRA added in float32, in the weight's dtype; the rows
// themselves where the part has none. [rows of the part, in]
at::Tensor merged_rows(const FusedLinear& linear, std::size_t part);

// W += scale * B A in float32, then the LoRA matrices are gone.
void merge_lora(VisionLanguageModel& model);

}  // namespace vlsweep
