// Rotary attention of single positions over a key/value cache in float32 on a CPU, reading the
// cache in place. A position's result depends on its own sequence alone, to the bit. No libtorch.
//
// Pure functions on the caller's memory; safe from any thread on disjoint memory.
// Shapes: H query heads, K key/value heads, D head size; a row of qkv is [H + 2 K, D].
#pragma once

#include <cstdint>

namespace vlsweep {

// Keys of one head lie in blocks of so many positions, [D][kKeyBlock] each, so that the products
// with a query run over positions side by side. Values lie as [capacity, D].
inline constexpr std::int64_t kKeyBlock = 16;

struct CachedAttentionShape {
  std::int64_t num_heads = 0;     // H, a multiple of K
  std::int64_t num_kv_heads = 0;  // K
  std::int64_t head_dim = 0;      // D, even
  std::int64_t capacity = 0;      // positions of a slot, a multiple of kKeyBlock
};

// Rotates the row's queries in place by cos and sin [D / 2] of `position` and puts its rotated keys
// and its values at that position of a slot: keys [K][capacity / kKeyBlock][D][kKeyBlock], values
// [K][capacity][D].
void store_position(const CachedAttentionShape& shape, const float* cos, const float* sin,
                    std::int64_t position, float* qkv, float* keys, float* values);

// The query heads of key/value head `kv` of one row attend to the slot's first `count` positions:
// out [H / K, D] from the row's rotated queries. `scratch` has room for `capacity` floats.
void attend_cached(const CachedAttentionShape& shape, std::int64_t kv, std::int64_t count,
                   const float* qkv, const float* keys, const float* values, float* scratch,
                   float* out);

}  // namespace vlsweep
