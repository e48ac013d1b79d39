// EVA ViT-g as MiniGPT-v2 uses it: pre-LN blocks over patches plus a class token, no norm of its
// own behind the last, then BLIP-2's ln_vision. Matches MiniGPT-4's models/eva_vit.py (and
// transformers' Blip2VisionModel, whose post_layernorm has another eps).
//
// Owned by MiniGptVisionFront; used by one thread.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "worker/trainer/architecture/minigpt_v2/config.h"
#include "worker/trainer/model/linear.h"

namespace vlsweep {

struct EvaBlock {
  at::Tensor norm1_weight, norm1_bias, norm2_weight, norm2_bias;  // [d]
  // qkv's bias [3 d] has a part for the keys as transformers' has; it stays 0, and takes no part.
  FusedLinear qkv, out, fc1, fc2;
};

class EvaVisionTower {
 public:
  explicit EvaVisionTower(const EvaConfig& config) : config_(config) {}

  // Pixels [N, 3, S, S] -> normed states of every block run, [N, 1 + patches, d].
  at::Tensor states(const at::Tensor& pixels) const;

  at::Tensor class_embedding;                   // [1, 1, d]
  at::Tensor patch_embedding, patch_bias;       // [d, 3, patch, patch], [d]
  at::Tensor position_embedding;                // [1, 1 + patches, d]
  at::Tensor post_norm_weight, post_norm_bias;  // [d]
  std::vector<EvaBlock> blocks;

 private:
  // [N, 1 + patches, d]
  at::Tensor embed_patches(const at::Tensor& pixels) const;
  at::Tensor run_block(const EvaBlock& block, const at::Tensor& states) const;

  EvaConfig config_;
};

}  // namespace vlsweep
