// The LLaMA decoder: RMSNorm, rotary attention with grouped queries, SwiGLU. Matches transformers'
// LlamaModel (half-split RoPE, RMSNorm cast before the weight).
//
// Shapes: B rows (sequences), T positions, d hidden size, Hk key/value heads, D head size.
// Owned by VisionLanguageModel; used by one thread.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "worker/trainer/format/config.h"
#include "worker/trainer/model/linear.h"
#include "worker/trainer/model/pass.h"

namespace vlsweep {

// Keys and values of up to `slots` sequences of up to `capacity` positions. A slot is used again by
// starting at position 0: what lies behind a sequence's own positions is never attended to.
struct StaticKvCache {
  StaticKvCache(const LlamaConfig& config, std::int64_t slots, std::int64_t capacity,
                const at::TensorOptions& options);
  std::int64_t slots() const { return keys.front().size(0); }
  std::int64_t capacity() const { return keys.front().size(1); }

  std::vector<at::Tensor> keys, values;  // per layer [slots, capacity, Hk, D]
};

// Where the rows of one decode() call stand in a cache: row b's T tokens take the positions
// starts[b] .. starts[b] + T - 1 of slot slots[b]. Rows padded on the right write what the next
// call overwrites, so that prompts of different lengths need no padding on the left.
struct CacheRows {
  StaticKvCache& cache;
  std::vector<std::int64_t> slots;   // empty: row b is slot b
  std::vector<std::int64_t> starts;  // one per row
};

struct LlamaLayer {
  at::Tensor input_norm, post_attention_norm;  // [d]
  FusedLinear qkv, o, gate_up, down;
};

struct AttentionPlan;  // of llama.cpp

class LlamaDecoder {
 public:
  // Undefined weights; VisionLanguageModel fills them.
  explicit LlamaDecoder(const LlamaConfig& config) : config_(config) {}

  // Embeddings [B, T, d] -> normed hidden states [B, T, d]. Without `rows` every sequence begins at
  // position 0 and attends causally: batches padded on the right need no mask.
  at::Tensor decode(const at::Tensor& embeddings, CacheRows* rows, bool training) const;

  // Several sequences one behind the other, without padding: embeddings [N, d] of sequences whose
  // lengths sum to N -> normed hidden states [N, d]. Every sequence begins at position 0 and
  // attends to itself alone; its rows do not depend on what else is packed.
  at::Tensor decode_packed(const at::Tensor& embeddings,
                           std::span<const std::int64_t> sequence_lengths,
                           const DecoderPass& pass) const;

  at::Tensor embed_tokens;  // [vocabulary, d]
  std::vector<LlamaLayer> layers;
  at::Tensor norm;     // [d]
  at::Tensor lm_head;  // [vocabulary, d]; embed_tokens itself when tied

 private:
  at::Tensor attend_layer(const at::Tensor& qkv, std::size_t layer, CacheRows* rows,
                          const AttentionPlan& plan) const;
  // cos and sin of position * frequency, float32 [positions, D / 2]; grown as needed.
  void grow_rope_table(std::int64_t positions, at::Device device) const;

  LlamaConfig config_;
  mutable at::Tensor cos_, sin_;
};

}  // namespace vlsweep
