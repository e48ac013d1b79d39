#include "worker/trainer/model/kv_cache.h"

namespace vlsweep {

StaticKvCache::StaticKvCache(const LlamaConfig& config, std::int64_t slots, std::int64_t capacity,
                             const at::TensorOptions& options) {
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    const std::vector<std::int64_t> shape{slots, config.num_kv_heads, capacity, config.head_dim};
    keys.push_back(at::zeros(shape, options));
    values.push_back(at::zeros(shape, options));
  }
}

std::uint64_t StaticKvCache::slot_bytes(const LlamaConfig& config, std::int64_t capacity,
                                        at::ScalarType dtype) {
  return static_cast<std::uint64_t>(2 * config.num_layers * config.num_kv_heads * config.head_dim *
                                    capacity) *
         at::elementSize(dtype);
}

void StaticKvCache::copy_prefix(std::int64_t from, std::int64_t to, std::int64_t length) {
  for (auto* stores : {&keys, &values}) {
    for (at::Tensor& store : *stores) {
      store[to].narrow(1, 0, length).copy_(store[from].narrow(1, 0, length));
    }
  }
}

}  // namespace vlsweep
