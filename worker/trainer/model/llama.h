// The LLaMA decoder: RMSNorm, rotary attention with grouped queries, SwiGLU. Matches transformers'
// LlamaModel (half-split RoPE, RMSNorm cast before the weight).
//
// Shapes: N rows (positions of all sequences), d hidden size, D head size.
// Owned by VisionLanguageModel; used by one thread.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "worker/trainer/architecture/model_config.h"
#include "worker/trainer/model/linear.h"
#include "worker/trainer/model/pass.h"
#include "worker/trainer/model/rope.h"

namespace vlsweep {

struct LlamaLayer {
  at::Tensor input_norm, post_attention_norm;  // [d]
  FusedLinear qkv, o, gate_up, down;

  std::vector<at::Tensor> trainable() const;  // that require gradients, LoRA's included
};

struct PackedSequences;

class LlamaDecoder {
 public:
  // Undefined weights; VisionLanguageModel fills them.
  explicit LlamaDecoder(const LlamaConfig& config) : config_(config) {}

  // Several sequences one behind the other, without padding: embeddings [N, d] of sequences whose
  // lengths sum to N -> normed hidden states [N, d]. Every sequence begins at position 0 and
  // attends to itself alone; its rows do not depend on what else is packed. With `chosen` (int64
  // [K], rows) only those rows come back, [K, d], and the last layer computes no others beyond its
  // keys and values. With a cache: cached_decode.h.
  at::Tensor decode_packed(const at::Tensor& embeddings,
                           std::span<const std::int64_t> sequence_lengths, const DecoderPass& pass,
                           const at::Tensor& chosen = {}) const;

  const LlamaConfig& config() const { return config_; }
  // The rotary angles of at least so many positions.
  const RopeTable& rope(std::int64_t positions, at::Device device) const;

  at::Tensor embed_tokens;  // [vocabulary, d]
  std::vector<LlamaLayer> layers;
  at::Tensor norm;     // [d]
  at::Tensor lm_head;  // [vocabulary, d]; embed_tokens itself when tied

 private:
  // One layer: x [N, d] -> [N, d], or [K, d] of the chosen rows where they are defined.
  at::Tensor run_layer(const LlamaLayer& layer, const at::Tensor& x,
                       const PackedSequences& sequences, const DecoderPass& pass,
                       const at::Tensor& chosen) const;

  LlamaConfig config_;
  mutable RopeTable rope_;
};

}  // namespace vlsweep
