// The static cache of keys and values that decoding goes on from.
//
// Shapes: Hk key/value heads, D head size. Owned by what decodes; used by its one thread.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "worker/trainer/architecture/model_config.h"

namespace vlsweep {

// Keys and values of up to `slots` sequences of up to `capacity` positions. A slot is used again by
// starting at position 0: what lies behind a sequence's own positions is never attended to. In
// float32 on a CPU the memory of positions that are not used yet is not touched.
class StaticKvCache {
 public:
  StaticKvCache(const LlamaConfig& config, std::int64_t slots, std::int64_t capacity,
                const at::TensorOptions& options);
  // What one slot takes.
  static std::uint64_t slot_bytes(const LlamaConfig& config, std::int64_t capacity,
                                  at::ScalarType dtype);

  std::int64_t slots() const { return values.front().size(0); }
  std::int64_t capacity() const { return values.front().size(2); }  // at least what was asked for
  // Whether keys lie in blocks of positions, as the float32 kernels read them.
  bool blocked() const { return keys.front().dim() == 5; }

  // Gives slot `to` the first `length` positions of slot `from`.
  void copy_prefix(std::int64_t from, std::int64_t to, std::int64_t length);

  // Per layer [slots, Hk, capacity, D]; blocked keys [slots, Hk, capacity / 16, D, 16].
  std::vector<at::Tensor> keys, values;
};

// Tokens that one call of decode_cached() adds to a sequence: they take the positions start ..
// start + length - 1 of a slot and attend to what the slot holds up to themselves.
struct CacheSegment {
  std::int64_t slot = 0;
  std::int64_t start = 0;
  std::int64_t length = 1;
};

}  // namespace vlsweep
