// The operations between the decoder's matrix products, each as one autograd node in float32 on a
// CPU (float_kernels.h), and as ATen operations elsewhere. Free functions; one thread per call.
//
// Shapes: N rows, d hidden size, f intermediate size, B sequences, T positions, D head size.
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace vlsweep {

// x [N, d] * rsqrt(mean(x^2) + eps), cast back to x's dtype, then times weight [d] (transformers'
// LlamaRMSNorm).
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

// gate_up [N, 2 f] -> silu(gate) * up [N, f].
at::Tensor swiglu(const at::Tensor& gate_up);

// Rotates the halves of x [.., H, D] by cos and sin [.., 1, D / 2].
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

// CLIP's activation: x * sigmoid(1.702 x).
at::Tensor quick_gelu(const at::Tensor& x);

}  // namespace vlsweep
