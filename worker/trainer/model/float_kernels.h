// Loops over float32 for training small models on a CPU, where ATen's cost per operation exceeds
// the arithmetic: rotary causal attention, RMSNorm and SwiGLU with their gradients. No libtorch.
//
// Pure functions on the caller's memory; safe from any thread on disjoint memory. Deterministic.
// Shapes: T positions, H query heads, K key/value heads, D head size, W = (H + 2 K) D; all
// row-major.
#pragma once

#include <cstdint>

namespace vlsweep {

struct AttentionShape {
  std::int64_t length = 0;        // T
  std::int64_t num_heads = 0;     // H, a multiple of K
  std::int64_t num_kv_heads = 0;  // K
  std::int64_t head_dim = 0;      // D, one that supported_head_dim() knows
  const float* cos = nullptr;     // [T, D / 2]
  const float* sin = nullptr;

  std::int64_t row_size() const { return (num_heads + 2 * num_kv_heads) * head_dim; }
};

bool supported_head_dim(std::int64_t head_dim);

// One sequence: qkv [T, W] -> rotated [T, W] (q and k rotated, v copied), out [T, H D] and, for the
// gradient, log_sum_exp [H, T].
void attention_forward(const AttentionShape& shape, const float* qkv, float* rotated, float* out,
                       float* log_sum_exp);
// Its gradient: grad_out [T, H D] -> grad_qkv [T, W].
void attention_backward(const AttentionShape& shape, const float* rotated, const float* out,
                        const float* log_sum_exp, const float* grad_out, float* grad_qkv);

// rows x [rows, d]: y = x * inverse_rms * weight; inverse_rms [rows] is kept for the gradient.
void rms_norm_forward(std::int64_t rows, std::int64_t d, const float* x, const float* weight,
                      float eps, float* y, float* inverse_rms);
// grad_x [rows, d]; grad_weight [d] is added to.
void rms_norm_backward(std::int64_t rows, std::int64_t d, const float* x, const float* weight,
                       const float* inverse_rms, const float* grad_y, float* grad_x,
                       float* grad_weight);

// gate_up [rows, 2 f] -> silu(gate) * up [rows, f], and its gradient [rows, 2 f].
void swiglu_forward(std::int64_t rows, std::int64_t f, const float* gate_up, float* y);
void swiglu_backward(std::int64_t rows, std::int64_t f, const float* gate_up, const float* grad_y,
                     float* grad_gate_up);

}  // namespace vlsweep
