#include "worker/trainer/model/llama.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "worker/trainer/model/attention.h"
#include "worker/trainer/model/kernels.h"

namespace vlsweep {

// What one decode() call needs of positions and cache, the same for every layer.
struct AttentionPlan {
  std::int64_t batch = 0, length = 0;  // B, T
  at::Tensor cos, sin;                 // [B or 1, T, 1, D / 2]
  bool causal = true;                  // among the call's own keys alone, without the cache's
  at::Tensor mask;                     // [B, 1, T, attended], undefined when not needed
  at::Tensor slots, positions;         // [B * T] int64: where keys and values are written
  at::Tensor rows;                     // [B] int64 slots to attend in; undefined: the first B
  std::int64_t attended = 0;           // cache positions that any row attends to
};

namespace {

at::Tensor index_tensor(const std::vector<std::int64_t>& values, at::Device device) {
  return at::tensor(values, at::TensorOptions().dtype(at::kLong)).to(device);
}

void plan_cache(const CacheRows& rows, at::Device device, AttentionPlan& plan) {
  std::vector<std::int64_t> slots = rows.slots;
  const bool identity = slots.empty();
  if (identity) {
    slots.resize(static_cast<std::size_t>(plan.batch));
    std::iota(slots.begin(), slots.end(), 0);
  }
  const at::Tensor slot_index = index_tensor(slots, device);
  const at::Tensor starts = index_tensor(rows.starts, device);
  const at::Tensor steps = at::arange(plan.length, starts.options());
  const at::Tensor positions = starts.unsqueeze(1) + steps;  // [B, T]
  const auto [least, most] = std::minmax_element(rows.starts.begin(), rows.starts.end());
  TORCH_CHECK(*least >= 0 && *most + plan.length <= rows.cache.capacity(),
              "the key/value cache is too short");
  plan.slots = slot_index.repeat_interleave(plan.length);
  plan.positions = positions.flatten();
  plan.attended = *most + plan.length;
  plan.causal = *most == 0;
  if (!identity) plan.rows = slot_index;
  if (!plan.causal && (plan.length > 1 || *least != *most)) {
    const at::Tensor keys = at::arange(plan.attended, starts.options());
    plan.mask = keys.le(positions.unsqueeze(-1)).unsqueeze(1);
  }
}

// Writes the call's keys and values [B, T, Hk, D] and returns what they attend to.
void through_cache(StaticKvCache& cache, std::size_t layer, const AttentionPlan& plan,
                   at::Tensor& key, at::Tensor& value) {
  for (auto [store, fresh] :
       {std::pair(&cache.keys[layer], &key), {&cache.values[layer], &value}}) {
    store->index_put_({plan.slots, plan.positions}, fresh->flatten(0, 1));
    if (plan.causal) continue;
    const at::Tensor rows =
        plan.rows.defined() ? store->index_select(0, plan.rows) : store->narrow(0, 0, plan.batch);
    *fresh = rows.narrow(1, 0, plan.attended);
  }
}

at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  const AttentionPlan& plan) {
  const bool grouped = query.size(2) != key.size(2);
  const std::optional<at::Tensor> mask =
      plan.mask.defined() ? std::optional(plan.mask) : std::nullopt;
  return at::scaled_dot_product_attention(query.transpose(1, 2), key.transpose(1, 2),
                                          value.transpose(1, 2), mask, 0.0,
                                          plan.causal && plan.length > 1, std::nullopt, grouped)
      .transpose(1, 2);
}

}  // namespace

StaticKvCache::StaticKvCache(const LlamaConfig& config, std::int64_t slots, std::int64_t capacity,
                             const at::TensorOptions& options) {
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    const std::vector<std::int64_t> shape{slots, capacity, config.num_kv_heads, config.head_dim};
    keys.push_back(at::zeros(shape, options));
    values.push_back(at::zeros(shape, options));
  }
}

void LlamaDecoder::grow_rope_table(std::int64_t positions, at::Device device) const {
  if (cos_.defined() && cos_.size(0) >= positions && cos_.device() == device) return;
  positions = std::max<std::int64_t>(positions * 2, 128);
  // In float32, as transformers computes inv_freq and the angles.
  const auto options = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor exponents =
      at::arange(0, config_.head_dim, 2, options) / static_cast<double>(config_.head_dim);
  const at::Tensor frequencies = 1.0 / at::pow(config_.rope_theta, exponents);
  const at::Tensor angles = at::outer(at::arange(positions, options), frequencies);
  cos_ = angles.cos().to(device);
  sin_ = angles.sin().to(device);
}

// One layer's attention through ATen: qkv [B, T, H + 2 Hk, D] -> [B * T, H D].
at::Tensor LlamaDecoder::attend_layer(const at::Tensor& qkv, std::size_t layer, CacheRows* rows,
                                      const AttentionPlan& plan) const {
  const std::int64_t heads = config_.num_heads, kv_heads = config_.num_kv_heads;
  const at::Tensor query = rotate(qkv.narrow(2, 0, heads), plan.cos, plan.sin);
  at::Tensor key = rotate(qkv.narrow(2, heads, kv_heads), plan.cos, plan.sin);
  at::Tensor value = qkv.narrow(2, heads + kv_heads, kv_heads);
  through_cache(rows->cache, layer, plan, key, value);
  return attend(query, key, value, plan).reshape({qkv.size(0) * qkv.size(1), -1});
}

at::Tensor LlamaDecoder::decode(const at::Tensor& embeddings, CacheRows* rows,
                                bool training) const {
  AttentionPlan plan;
  plan.batch = embeddings.size(0);
  plan.length = embeddings.size(1);
  const at::Device device = embeddings.device();
  plan_cache(*rows, device, plan);
  grow_rope_table(std::max(plan.length, plan.attended), device);
  const auto table = [&](const at::Tensor& values) {
    const at::Tensor chosen =
        plan.causal ? values.narrow(0, 0, plan.length).unsqueeze(0)
                    : values.index_select(0, plan.positions).view({plan.batch, plan.length, -1});
    return chosen.unsqueeze(2).to(embeddings.scalar_type());
  };
  plan.cos = table(cos_);
  plan.sin = table(sin_);

  at::Tensor x = embeddings.reshape({plan.batch * plan.length, -1});
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LlamaLayer& layer = layers[i];
    const at::Tensor qkv = layer.qkv(rms_norm(x, layer.input_norm, config_.rms_norm_eps), training)
                               .view({plan.batch, plan.length, -1, config_.head_dim});
    x = x + layer.o(attend_layer(qkv, i, rows, plan), training);
    const at::Tensor y = rms_norm(x, layer.post_attention_norm, config_.rms_norm_eps);
    x = x + layer.down(swiglu(layer.gate_up(y, training)), training);
  }
  return rms_norm(x, norm, config_.rms_norm_eps).view(embeddings.sizes());
}

at::Tensor LlamaDecoder::decode_packed(const at::Tensor& embeddings,
                                       std::span<const std::int64_t> sequence_lengths,
                                       const DecoderPass& pass) const {
  const std::int64_t longest =
      sequence_lengths.empty() ? 0 : *std::ranges::max_element(sequence_lengths);
  grow_rope_table(longest, embeddings.device());
  const PackedSequences sequences(sequence_lengths, cos_, sin_, embeddings.scalar_type());
  TORCH_CHECK(sequences.rows == embeddings.size(0), "sequences of ", sequences.rows,
              " positions, but embeddings of ", embeddings.size(0));
  at::Tensor x = embeddings;
  for (const LlamaLayer& layer : layers) {
    const at::Tensor qkv =
        layer.qkv(rms_norm(x, layer.input_norm, config_.rms_norm_eps), pass.training);
    x = x + layer.o(packed_attention(qkv, sequences, config_.num_heads, config_.head_dim),
                    pass.training);
    const at::Tensor y = rms_norm(x, layer.post_attention_norm, config_.rms_norm_eps);
    x = x + layer.down(swiglu(layer.gate_up(y, pass.training)), pass.training);
  }
  return rms_norm(x, norm, config_.rms_norm_eps);
}

}  // namespace vlsweep
