// The language model's loss: cross-entropy of the head's logits, a piece of rows at a time, so that
// the logits of a large vocabulary never stand in memory together (as Liger's fused linear
// cross-entropy does). Free functions; one thread per call.
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace vlsweep {

inline constexpr std::int64_t kNoTarget = -100;

// scale times the sum of -log softmax(hidden head^T)[target] over the rows whose target is not
// kNoTarget; a scalar in float32. hidden [K, d], head [vocabulary, d], targets [K] int64. Logits in
// hidden's dtype, their softmax in float32, as transformers' loss. The gradients are computed with
// the value.
at::Tensor head_cross_entropy(const at::Tensor& hidden, const at::Tensor& head,
                              const at::Tensor& targets, double scale = 1.0);

}  // namespace vlsweep
