// The operations between the decoder's matrix products: loops in float32 on a CPU
// (float_kernels.h), ATen operations elsewhere, with transformers' order of rounding in half
// types. Free functions; one thread per call.
//
// Shapes: N rows, d hidden size, f intermediate size, D head size.
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace vlsweep {

// x [N, d] * rsqrt(mean(x^2) + eps), cast back to x's dtype, then times weight [d] (transformers'
// LlamaRMSNorm).
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

// gate_up [N, 2 f] -> silu(gate) * up [N, f].
at::Tensor swiglu(const at::Tensor& gate_up);

// The same two as nodes of one's own use them: values and gradients without autograd, of
// contiguous tensors.
struct NormedRows {
  at::Tensor rows;         // [N, d]
  at::Tensor inverse_rms;  // [N] float32, for the gradient
};
NormedRows rms_norm_rows(const at::Tensor& x, const at::Tensor& weight, double eps);
// The rows again from what was kept, bit for bit.
at::Tensor rms_norm_again(const at::Tensor& x, const at::Tensor& weight,
                          const at::Tensor& inverse_rms);
struct NormGradients {
  at::Tensor x, weight;  // weight: undefined unless asked for
};
NormGradients rms_norm_gradients(const at::Tensor& x, const at::Tensor& weight,
                                 const at::Tensor& inverse_rms, const at::Tensor& grad,
                                 bool of_weight);
at::Tensor swiglu_rows(const at::Tensor& gate_up);
at::Tensor swiglu_gradient(const at::Tensor& gate_up, const at::Tensor& grad);

// Rotates the halves of x [.., H, D] by cos and sin [.., 1, D / 2].
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

// CLIP's activation: x * sigmoid(1.702 x).
at::Tensor quick_gelu(const at::Tensor& x);

// Whether x is float32 on a CPU, what the loops take.
inline bool is_cpu_float(const at::Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == at::kFloat;
}

}  // namespace vlsweep
