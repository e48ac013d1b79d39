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
// y again from the kept inverse_rms, bit for bit.
void rms_norm_scale(std::int64_t rows, std::int64_t d, const float* x, const float* weight,
                    const float* inverse_rms, float* y);
// grad_x [rows, d]; grad_weight [d] is added to, unless it is null.
void rms_norm_backward(std::int64_t rows, std::int64_t d, const float* x, const float* weight,
                       const float* inverse_rms, const float* grad_y, float* grad_x,
                       float* grad_weight);

// gate_up [rows, 2 f] -> silu(gate) * up [rows, f], and its gradient [rows, 2 f].
void swiglu_forward(std::int64_t rows, std::int64_t f, const float* gate_up, float* y);
void swiglu_backward(std::int64_t rows, std::int64_t f, const float* gate_up, const float* grad_y,
                     float* grad_gate_up);

// Philox4x32-10: key and the three upper words of the counter; the lowest counts within the stream.
struct PhiloxStream {
  std::uint64_t key = 0;
  std::uint32_t words[3] = {0, 0, 0};
};
// Elements whose random bits come from counters of their own; a range of elements begins at one.
inline constexpr std::int64_t kDropoutGroup = 128;
// Elements [begin, end) of a stream, of which each is dropped with the probability (in steps of
// 2^-16): y = kept ? x / (1 - probability) : 0, and the same added to y.
void dropout_forward(const PhiloxStream& stream, double probability, std::int64_t begin,
                     std::int64_t end, const float* x, float* y);
void dropout_add(const PhiloxStream& stream, double probability, std::int64_t begin,
                 std::int64_t end, const float* x, float* y);

// Rows of logits [rows, vocabulary] -> losses [rows], the cross-entropies against targets (0 where
// a target is negative). With a gradient_scale other than 0 the logits become their gradients,
// gradient_scale * (softmax - one-hot); else they stay.
void cross_entropy_rows(std::int64_t rows, std::int64_t vocabulary, float* logits,
                        const std::int64_t* targets, float gradient_scale, float* losses);

}  // namespace vlsweep
