// decode_cached() in float32 on a CPU, where ATen's cost per operation exceeds the arithmetic of a
// single token: a handful of loops per layer, the cache read in place, every row's result the same
// to the bit in whatever company. For cached_decode.cpp alone; one thread at a time per decoder and
// cache.
#pragma once

#include <torch/torch.h>

#include <span>

#include "worker/trainer/model/kv_cache.h"
#include "worker/trainer/model/llama.h"

namespace vlsweep {

// As decode_cached(); the cache's keys lie in blocks.
at::Tensor decode_float_cached(const LlamaDecoder& decoder, const at::Tensor& embeddings,
                               std::span<const CacheSegment> segments, StaticKvCache& cache);

// x [N, in] -> y [N, out] = x times weight [out, in] transposed, or y += that.
void multiply_float(const at::Tensor& x, const at::Tensor& weight, at::Tensor& y, bool add);

}  // namespace vlsweep
