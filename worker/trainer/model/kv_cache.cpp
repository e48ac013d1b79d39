#include "worker/trainer/model/kv_cache.h"

#include "worker/trainer/model/float_cached_attention.h"

namespace vlsweep {
namespace {

std::int64_t blocks_of(std::int64_t positions) { return (positions + kKeyBlock - 1) / kKeyBlock; }

}  // namespace

StaticKvCache::StaticKvCache(const LlamaConfig& config, std::int64_t slots, std::int64_t capacity,
                             const at::TensorOptions& options) {
  const std::int64_t heads = config.num_kv_heads, dim = config.head_dim;
  const bool blocks = options.device().is_cpu() && options.dtype() == at::kFloat;
  const std::int64_t positions = blocks_of(capacity) * kKeyBlock;
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    if (blocks) {
      keys.push_back(at::empty({slots, heads, blocks_of(capacity), dim, kKeyBlock}, options));
      values.push_back(at::empty({slots, heads, positions, dim}, options));
    } else {
      // Masked positions are multiplied by 0, so that they must be numbers.
      keys.push_back(at::zeros({slots, heads, positions, dim}, options));
      values.push_back(at::zeros({slots, heads, positions, dim}, options));
    }
  }
}

std::uint64_t StaticKvCache::slot_bytes(const LlamaConfig& config, std::int64_t capacity,
                                        at::ScalarType dtype) {
  return static_cast<std::uint64_t>(2 * config.num_layers * config.num_kv_heads * config.head_dim *
                                    blocks_of(capacity) * kKeyBlock) *
         at::elementSize(dtype);
}

void StaticKvCache::copy_prefix(std::int64_t from, std::int64_t to, std::int64_t length) {
  const auto copy = [from, to](const at::Tensor& store, std::int64_t count) {
    store[to].narrow(1, 0, count).copy_(store[from].narrow(1, 0, count));
  };
  for (const at::Tensor& store : keys) copy(store, blocked() ? blocks_of(length) : length);
  for (const at::Tensor& store : values) copy(store, length);
}

}  // namespace vlsweep
