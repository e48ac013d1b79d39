// The LLaMA decoder over a key/value cache: tokens of many sequences in one call, without padding.
// Matches LlamaDecoder::decode over the whole sequences.
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

}  // namespace vlsweep
