#include "worker/trainer/model/cached_decode.h"

#include <algorithm>
#include <vector>

#include "worker/trainer/model/float_cached_decode.h"
#include "worker/trainer/model/kernels.h"

namespace vlsweep {
namespace {

using torch::indexing::Slice;

// What one call needs of positions and cache, the same for every layer.
struct CachePlan {
  std::span<const CacheSegment> segments;
  at::Tensor slots, positions;  // [N] int64: where keys and values are written
  at::Tensor cos, sin;          // [N, 1, D / 2]
  // Segments of one token are attended to together: their rows, slots and mask.
  at::Tensor single_rows, single_slots;  // [S] int64
  at::Tensor single_mask;                // [S, 1, 1, attended]; undefined when all are as long
  std::int64_t first_slot = -1;          // of consecutive slots, which are read in place
  std::int64_t num_singles = 0;
  std::int64_t attended = 0;
};

at::Tensor index_tensor(const std::vector<std::int64_t>& values, at::Device device) {
  return at::tensor(values, at::TensorOptions().dtype(at::kLong)).to(device);
}

void plan_singles(CachePlan& plan, at::Device device) {
  std::vector<std::int64_t> rows, slots, lengths;
  std::int64_t row = 0;
  bool consecutive = true;
  for (const CacheSegment& segment : plan.segments) {
    if (segment.length == 1) {
      consecutive = consecutive && (slots.empty() || segment.slot == slots.back() + 1);
      rows.push_back(row);
      slots.push_back(segment.slot);
      lengths.push_back(segment.start + 1);
    }
    row += segment.length;
  }
  plan.num_singles = static_cast<std::int64_t>(rows.size());
  if (rows.empty()) return;
  const auto [least, most] = std::minmax_element(lengths.begin(), lengths.end());
  plan.attended = *most;
  if (consecutive) plan.first_slot = slots.front();
  plan.single_rows = index_tensor(rows, device);
  plan.single_slots = index_tensor(slots, device);
  if (*least == *most) return;
  const at::Tensor keys = at::arange(plan.attended, plan.single_slots.options());
  plan.single_mask =
      keys.lt(index_tensor(lengths, device).unsqueeze(1)).view({plan.num_singles, 1, 1, -1});
}

CachePlan make_plan(const LlamaDecoder& decoder, std::span<const CacheSegment> segments,
                    const StaticKvCache& cache, const at::Tensor& embeddings) {
  const at::Device device = embeddings.device();
  CachePlan plan;
  plan.segments = segments;
  std::vector<std::int64_t> slots, positions;
  std::int64_t longest = 0;
  for (const CacheSegment& segment : segments) {
    longest = std::max(longest, segment.start + segment.length);
    for (std::int64_t i = 0; i < segment.length; ++i) {
      slots.push_back(segment.slot);
      positions.push_back(segment.start + i);
    }
  }
  TORCH_CHECK(longest <= cache.capacity(), "the key/value cache is too short");
  TORCH_CHECK(std::ssize(slots) == embeddings.size(0), "segments and embeddings disagree");
  plan.slots = index_tensor(slots, device);
  plan.positions = index_tensor(positions, device);
  const RopeTable& rope = decoder.rope(longest, device);
  const auto dtype = embeddings.scalar_type();
  plan.cos = rope.cos.index_select(0, plan.positions).unsqueeze(1).to(dtype);
  plan.sin = rope.sin.index_select(0, plan.positions).unsqueeze(1).to(dtype);
  plan_singles(plan, device);
  return plan;
}

// query [B, H, T, D], key and value [B, Hk, S, D] -> [B * T, H D].
at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  const at::Tensor& mask, bool causal) {
  const bool grouped = query.size(1) != key.size(1);
  const std::optional<at::Tensor> optional_mask =
      mask.defined() ? std::optional(mask) : std::nullopt;
  return at::scaled_dot_product_attention(query, key, value, optional_mask, 0.0, causal,
                                          std::nullopt, grouped)
      .transpose(1, 2)
      .reshape({query.size(0) * query.size(2), -1});
}

at::Tensor attend_singles(const CachePlan& plan, const at::Tensor& query, const at::Tensor& keys,
                          const at::Tensor& values) {
  const auto read = [&](const at::Tensor& store) {
    const at::Tensor slots = plan.first_slot >= 0
                                 ? store.narrow(0, plan.first_slot, plan.num_singles)
                                 : store.index_select(0, plan.single_slots);
    return slots.narrow(2, 0, plan.attended);
  };
  const at::Tensor rows = query.index_select(0, plan.single_rows).unsqueeze(2);
  return attend(rows, read(keys), read(values), plan.single_mask, false);
}

at::Tensor attend_segment(const CacheSegment& segment, const at::Tensor& query,
                          const at::Tensor& keys, const at::Tensor& values) {
  const std::int64_t attended = segment.start + segment.length;
  const auto read = [&](const at::Tensor& store) {
    return store.narrow(0, segment.slot, 1).narrow(2, 0, attended);
  };
  at::Tensor mask;
  if (segment.start > 0) {
    const auto options = at::TensorOptions().dtype(at::kLong).device(query.device());
    mask =
        at::arange(attended, options).le(at::arange(segment.start, attended, options).unsqueeze(1));
  }
  return attend(query.transpose(0, 1).unsqueeze(0), read(keys), read(values), mask,
                segment.start == 0);
}

// One layer's attention: query [N, H, D] over the cache -> [N, H D].
at::Tensor attend_all(const CachePlan& plan, const at::Tensor& query, const at::Tensor& keys,
                      const at::Tensor& values) {
  if (plan.num_singles == query.size(0)) return attend_singles(plan, query, keys, values);
  at::Tensor out = at::empty({query.size(0), query.size(1) * query.size(2)}, query.options());
  if (plan.num_singles > 0) {
    out.index_copy_(0, plan.single_rows, attend_singles(plan, query, keys, values));
  }
  std::int64_t row = 0;
  for (const CacheSegment& segment : plan.segments) {
    if (segment.length > 1) {
      out.narrow(0, row, segment.length)
          .copy_(attend_segment(segment, query.narrow(0, row, segment.length), keys, values));
    }
    row += segment.length;
  }
  return out;
}

}  // namespace

at::Tensor decode_cached(const LlamaDecoder& decoder, const at::Tensor& embeddings,
                         std::span<const CacheSegment> segments, StaticKvCache& cache) {
  if (cache.blocked()) return decode_float_cached(decoder, embeddings, segments, cache);
  const LlamaConfig& config = decoder.config();
  const CachePlan plan = make_plan(decoder, segments, cache, embeddings);
  const std::int64_t heads = config.num_heads, kv_heads = config.num_kv_heads;
  at::Tensor x = embeddings;
  for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
    const LlamaLayer& layer = decoder.layers[i];
    const at::Tensor qkv = layer.qkv(rms_norm(x, layer.input_norm, config.rms_norm_eps))
                               .view({x.size(0), -1, config.head_dim});
    const at::Tensor turned = rotate(qkv.narrow(1, 0, heads + kv_heads), plan.cos, plan.sin);
    at::Tensor &keys = cache.keys[i], &values = cache.values[i];
    keys.index_put_({plan.slots, Slice(), plan.positions}, turned.narrow(1, heads, kv_heads));
    values.index_put_({plan.slots, Slice(), plan.positions},
                      qkv.narrow(1, heads + kv_heads, kv_heads));
    x = x + layer.o(attend_all(plan, turned.narrow(1, 0, heads), keys, values));
    const at::Tensor y = rms_norm(x, layer.post_attention_norm, config.rms_norm_eps);
    x = x + layer.down(swiglu(layer.gate_up(y)));
  }
  return rms_norm(x, decoder.norm, config.rms_norm_eps);
}

at::Tensor next_logits(const LlamaDecoder& decoder, const at::Tensor& hidden) {
  if (!hidden.device().is_cpu() || hidden.scalar_type() != at::kFloat)
    return at::linear(hidden, decoder.lm_head).to(at::kFloat);
  at::Tensor logits = at::empty({hidden.size(0), decoder.lm_head.size(0)}, hidden.options());
  multiply_float(hidden.contiguous(), decoder.lm_head, logits, false);
  return logits;
}

}  // namespace vlsweep
