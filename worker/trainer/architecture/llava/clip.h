// The CLIP vision tower (pre-LN transformer over patches plus a class token), run only up to the
// layer whose hidden states the projector reads. Matches transformers' CLIPVisionModel.
//
// Owned by LlavaVisionFront; used by one thread.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "worker/trainer/architecture/llava/config.h"
#include "worker/trainer/model/linear.h"

namespace vlsweep {

struct ClipLayer {
  at::Tensor norm1_weight, norm1_bias, norm2_weight, norm2_bias;  // [d]
  FusedLinear qkv, out, fc1, fc2;
};

class ClipVisionTower {
 public:
  explicit ClipVisionTower(const ClipConfig& config) : config_(config) {}

  // Pixels [N, 3, H, W] -> hidden_states[num_layers_run], [N, 1 + patches, d].
  at::Tensor hidden_states(const at::Tensor& pixels, std::int64_t num_layers_run) const;

  at::Tensor class_embedding;     // [d]
  at::Tensor patch_embedding;     // [d, 3, patch, patch]
  at::Tensor position_embedding;  // [1 + patches, d]
  at::Tensor pre_norm_weight, pre_norm_bias, post_norm_weight, post_norm_bias;  // [d]
  std::vector<ClipLayer> layers;  // all of the checkpoint's, so that it is saved whole

 private:
  // [N, 1 + patches, d]
  at::Tensor embed_patches(const at::Tensor& pixels) const;
  at::Tensor run_layer(const ClipLayer& layer, const at::Tensor& states) const;

  ClipConfig config_;
};

}  // namespace vlsweep
