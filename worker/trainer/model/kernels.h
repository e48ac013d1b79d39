// The operations between the decoder's matrix products, each as one autograd node where that is
// faster (float32 on a CPU), and as ATen operations elsewhere. Free functions; one thread per call.
//
// Shapes: N rows, d hidden size, f intermediate size.
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace vlsweep {

// x [.., d] * rsqrt(mean(x^2) + eps), cast back to x's dtype, then times weight [d] (transformers'
// LlamaRMSNorm).
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

// gate_up [N, 2 f] -> silu(gate) * up [N, f].
at::Tensor swiglu(const at::Tensor& gate_up);

// Rotates the halves of x [B, T, H, D] by cos and sin [B or 1, T, 1, D / 2].
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

// CLIP's activation: x * sigmoid(1.702 x).
at::Tensor quick_gelu(const at::Tensor& x);

}  // namespace vlsweep
