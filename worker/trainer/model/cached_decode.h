// The LLaMA decoder over a key/value cache: tokens of many sequences in one call, without padding.
// Matches LlamaDecoder::decode over the whole sequences.
//
// In float32 on a CPU a row's result depends on its own sequence alone, to the bit: not on what
// else is in the call, nor on how the sequence is cut into segments.
//
// Shapes: N rows (the segments' tokens, one segment after another), d hidden size. Free functions;
// one thread at a time per decoder and cache. No gradients: call under NoGradGuard.
#pragma once

#include <torch/torch.h>

#include <span>

#include "worker/trainer/model/kv_cache.h"
#include "worker/trainer/model/llama.h"

namespace vlsweep {

// Embeddings [N, d] -> normed hidden states [N, d]; keys and values go to the cache. A slot has at
// most one segment in a call.
at::Tensor decode_cached(const LlamaDecoder& decoder, const at::Tensor& embeddings,
                         std::span<const CacheSegment> segments, StaticKvCache& cache);

// Hidden rows [N, d] -> logits [N, vocabulary] in float32.
at::Tensor next_logits(const LlamaDecoder& decoder, const at::Tensor& hidden);

}  // namespace vlsweep
