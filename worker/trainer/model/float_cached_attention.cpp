#include "worker/trainer/model/float_cached_attention.h"

#include <algorithm>
#include <cmath>

#include "worker/trainer/model/vector_math.h"

namespace vlsweep {
namespace {

typedef float Block __attribute__((vector_size(kKeyBlock * sizeof(float))));
typedef float LooseBlock
    __attribute__((vector_size(kKeyBlock * sizeof(float)), aligned(4), may_alias));

VLSWEEP_INLINE void rotate(const float* cos, const float* sin, std::int64_t half, const float* x,
                           float* y, std::int64_t stride) {
  for (std::int64_t i = 0; i < half; ++i) {
    const float first = x[i], second = x[i + half];
    y[i * stride] = first * cos[i] - second * sin[i];
    y[(i + half) * stride] = second * cos[i] + first * sin[i];
  }
}

// products[j] = query . key j for whole blocks of keys, each summed over the head's dimensions in
// their order. Several blocks at a time hide the latency of the additions.
template <int Blocks>
VLSWEEP_INLINE void dot_blocks(const float* query, const float* keys, std::int64_t dim,
                               float* products) {
  Block sums[Blocks] = {};
  for (std::int64_t d = 0; d < dim; ++d) {
#pragma GCC unroll 8
    for (int i = 0; i < Blocks; ++i) {
      sums[i] += query[d] * *reinterpret_cast<const LooseBlock*>(keys + (i * dim + d) * kKeyBlock);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Blocks; ++i) {
    *reinterpret_cast<LooseBlock*>(products + i * kKeyBlock) = sums[i];
  }
}

VLSWEEP_INLINE void dot_keys(const float* query, const float* keys, std::int64_t dim,
                             std::int64_t num_blocks, float* products) {
  constexpr int kAtOnce = 8;
  std::int64_t b = 0;
  for (; b + kAtOnce <= num_blocks; b += kAtOnce) {
    dot_blocks<kAtOnce>(query, keys + b * dim * kKeyBlock, dim, products + b * kKeyBlock);
  }
  for (; b < num_blocks; ++b) {
    dot_blocks<1>(query, keys + b * dim * kKeyBlock, dim, products + b * kKeyBlock);
  }
}

// out = sum of weights[j] * values[j] * factor over j in order, kKeyBlock dimensions at a time.
template <int Vectors>
VLSWEEP_INLINE void mix_vectors(const float* weights, const float* values, std::int64_t count,
                                std::int64_t dim, float factor, float* out) {
  Block sums[Vectors] = {};
  for (std::int64_t j = 0; j < count; ++j) {
#pragma GCC unroll 8
    for (int i = 0; i < Vectors; ++i) {
      sums[i] +=
          weights[j] * *reinterpret_cast<const LooseBlock*>(values + j * dim + i * kKeyBlock);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Vectors; ++i) {
    *reinterpret_cast<LooseBlock*>(out + i * kKeyBlock) = sums[i] * factor;
  }
}

VLSWEEP_INLINE void mix_values(const float* weights, const float* values, std::int64_t count,
                               std::int64_t dim, float factor, float* out) {
  constexpr std::int64_t kWide = 4 * kKeyBlock;
  std::int64_t d = 0;
  for (; d + kWide <= dim; d += kWide) {
    mix_vectors<4>(weights, values + d, count, dim, factor, out + d);
  }
  for (; d + kKeyBlock <= dim; d += kKeyBlock) {
    mix_vectors<1>(weights, values + d, count, dim, factor, out + d);
  }
  for (; d < dim; ++d) {
    float sum = 0;
    for (std::int64_t j = 0; j < count; ++j) sum += weights[j] * values[j * dim + d];
    out[d] = sum * factor;
  }
}

}  // namespace

VLSWEEP_VECTORIZED void store_position(const CachedAttentionShape& shape, const float* cos,
                                       const float* sin, std::int64_t position, float* qkv,
                                       float* keys, float* values) {
  const std::int64_t dim = shape.head_dim, half = dim / 2;
  for (std::int64_t h = 0; h < shape.num_heads; ++h) {
    rotate(cos, sin, half, qkv + h * dim, qkv + h * dim, 1);
  }
  const float* key = qkv + shape.num_heads * dim;
  const float* value = key + shape.num_kv_heads * dim;
  const std::int64_t block = position / kKeyBlock * dim * kKeyBlock + position % kKeyBlock;
  for (std::int64_t kv = 0; kv < shape.num_kv_heads; ++kv) {
    const std::int64_t head = kv * shape.capacity * dim;
    rotate(cos, sin, half, key + kv * dim, keys + head + block, kKeyBlock);
    std::copy_n(value + kv * dim, dim, values + head + position * dim);
  }
}

VLSWEEP_VECTORIZED void attend_cached(const CachedAttentionShape& shape, std::int64_t kv,
                                      std::int64_t count, const float* qkv, const float* keys,
                                      const float* values, float* scratch, float* out) {
  const std::int64_t dim = shape.head_dim, group = shape.num_heads / shape.num_kv_heads;
  const std::int64_t num_blocks = (count + kKeyBlock - 1) / kKeyBlock;
  const float scale = 1.0F / std::sqrt(static_cast<float>(dim));
  const float* head_keys = keys + kv * shape.capacity * dim;
  const float* head_values = values + kv * shape.capacity * dim;
  for (std::int64_t g = 0; g < group; ++g) {
    dot_keys(qkv + (kv * group + g) * dim, head_keys, dim, num_blocks, scratch);
    float largest = scratch[0];
    for (std::int64_t j = 1; j < count; ++j) largest = std::max(largest, scratch[j]);
    for (std::int64_t j = 0; j < count; ++j) {
      scratch[j] = exponential((scratch[j] - largest) * scale);
    }
    const float sum = lane_sum(count, [scratch](std::int64_t j) { return scratch[j]; });
    mix_values(scratch, head_values, count, dim, 1.0F / sum, out + g * dim);
  }
}

}  // namespace vlsweep
