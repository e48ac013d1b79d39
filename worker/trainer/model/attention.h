// Rotary causal attention of whole sequences that lie one behind the other in packed rows: each
// attends to its own earlier positions alone and its positions begin at 0. Matches transformers'
// LlamaAttention on every sequence by itself.
//
// In float32 on a CPU one autograd node over float_attention.h; elsewhere ATen's attention, with
// FlashAttention's varlen kernel where the device has it. Free functions; one thread per call.
//
// Shapes: N rows of all sequences, H query heads, K key/value heads, D head size, W = (H + 2 K) D.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

namespace vlsweep {

// Where the sequences of one pass lie, and their rotary table.
struct PackedSequences {
  // `cos` and `sin` are float32 [positions >= the longest, D / 2], on the rows' device.
  PackedSequences(std::span<const std::int64_t> sequence_lengths, const at::Tensor& cos,
                  const at::Tensor& sin, at::ScalarType dtype);

  std::vector<std::int64_t> lengths, starts;  // of the sequences that are not empty
  std::int64_t rows = 0;                      // N
  std::int64_t longest = 0;
  bool equal_lengths = true;
  at::Tensor cos, sin;            // [longest, D / 2] in the rows' dtype
  at::Tensor row_cos, row_sin;    // [N, 1, D / 2]: made only where ATen attends
  at::Tensor cumulative_lengths;  // [sequences + 1] int32 on a GPU, else undefined
};

// qkv [N, W] -> [N, H D].
at::Tensor packed_attention(const at::Tensor& qkv, const PackedSequences& sequences,
                            std::int64_t num_heads, std::int64_t head_dim);

}  // namespace vlsweep
