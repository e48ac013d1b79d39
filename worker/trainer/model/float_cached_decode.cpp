#include "worker/trainer/model/float_cached_decode.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "worker/trainer/model/crew.h"
#include "worker/trainer/model/float_cached_attention.h"
#include "worker/trainer/model/float_kernels.h"
#include "worker/trainer/model/row_products.h"

namespace vlsweep {
namespace {

// Outputs that one step of multiply_rows() takes at once, at the widest.
constexpr std::int64_t kOutputsAtOnce = 6;

void for_each(std::int64_t size, std::int64_t cost,
              const std::function<void(std::int64_t, std::int64_t)>& work) {
  in_parallel(size, cost, at::get_num_threads(), work);
}

// The token of one row of a call.
struct Row {
  std::int64_t slot = 0;
  std::int64_t position = 0;
};

class Pass {
 public:
  Pass(const LlamaDecoder& decoder, std::span<const CacheSegment> segments, StaticKvCache& cache,
       const at::Tensor& embeddings);

  at::Tensor run();

 private:
  void norm(const at::Tensor& weight, at::Tensor& out);
  void project(const FusedLinear& linear, const at::Tensor& in, at::Tensor& out, bool add) const;
  void attend(std::size_t layer);
  void activate();

  const LlamaDecoder& decoder_;
  const LlamaConfig& config_;
  StaticKvCache& cache_;
  std::vector<Row> rows_;
  std::int64_t longest_ = 0;
  CachedAttentionShape shape_;
  at::Tensor x_;                     // [N, d], the residual stream
  at::Tensor normed_, inverse_rms_;  // [N, d], [N]
  at::Tensor qkv_, attended_;        // [N, (H + 2 K) D], [N, H D]
  at::Tensor gate_up_, activated_;   // [N, 2 f], [N, f]
};

Pass::Pass(const LlamaDecoder& decoder, std::span<const CacheSegment> segments,
           StaticKvCache& cache, const at::Tensor& embeddings)
    : decoder_(decoder),
      config_(decoder.config()),
      cache_(cache),
      shape_{config_.num_heads, config_.num_kv_heads, config_.head_dim, cache.capacity()},
      x_(embeddings.clone(at::MemoryFormat::Contiguous)) {
  for (const CacheSegment& segment : segments) {
    longest_ = std::max(longest_, segment.start + segment.length);
    for (std::int64_t i = 0; i < segment.length; ++i) {
      rows_.push_back({segment.slot, segment.start + i});
    }
  }
  const std::int64_t n = x_.size(0), f = config_.intermediate_size;
  TORCH_CHECK(longest_ <= cache.capacity(), "the key/value cache is too short");
  TORCH_CHECK(std::ssize(rows_) == n, "segments and embeddings disagree");
  const auto make = [&](std::int64_t width) { return at::empty({n, width}, x_.options()); };
  normed_ = make(config_.hidden_size);
  inverse_rms_ = make(1);
  qkv_ = make((config_.num_heads + 2 * config_.num_kv_heads) * config_.head_dim);
  attended_ = make(config_.num_heads * config_.head_dim);
  gate_up_ = make(2 * f);
  activated_ = make(f);
}

void Pass::norm(const at::Tensor& weight, at::Tensor& out) {
  const std::int64_t d = x_.size(1);
  const float* scale = weight.const_data_ptr<float>();
  const float* x = x_.const_data_ptr<float>();
  float* y = out.mutable_data_ptr<float>();
  float* inverse = inverse_rms_.mutable_data_ptr<float>();
  for_each(x_.size(0), 4 * d, [&](std::int64_t begin, std::int64_t end) {
    rms_norm_forward(end - begin, d, x + begin * d, scale, static_cast<float>(config_.rms_norm_eps),
                     y + begin * d, inverse + begin);
  });
}

void Pass::project(const FusedLinear& linear, const at::Tensor& in, at::Tensor& out,
                   bool add) const {
  if (linear.lora || linear.bias.defined()) {
    const at::Tensor product = linear(in);
    add ? out.add_(product) : out.copy_(product);
  } else {
    multiply_float(in, linear.weight, out, add);
  }
}

void Pass::attend(std::size_t layer) {
  const std::int64_t n = x_.size(0), width = qkv_.size(1), out_width = attended_.size(1);
  const std::int64_t kv_heads = shape_.num_kv_heads, half = shape_.head_dim / 2;
  const std::int64_t slot_size = kv_heads * shape_.capacity * shape_.head_dim;
  const std::int64_t group_size = out_width / kv_heads;
  const RopeTable& rope = decoder_.rope(longest_, at::kCPU);
  const float* cos = rope.cos.const_data_ptr<float>();
  const float* sin = rope.sin.const_data_ptr<float>();
  float* qkv = qkv_.mutable_data_ptr<float>();
  float* keys = cache_.keys[layer].mutable_data_ptr<float>();
  float* values = cache_.values[layer].mutable_data_ptr<float>();
  float* out = attended_.mutable_data_ptr<float>();
  for_each(n, 8 * width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const auto& [slot, position] = rows_[static_cast<std::size_t>(r)];
      store_position(shape_, cos + position * half, sin + position * half, position,
                     qkv + r * width, keys + slot * slot_size, values + slot * slot_size);
    }
  });
  for_each(n * kv_heads, 2 * group_size * longest_, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> scratch(static_cast<std::size_t>(shape_.capacity));
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t r = task / kv_heads, kv = task % kv_heads;
      const auto& [slot, position] = rows_[static_cast<std::size_t>(r)];
      attend_cached(shape_, kv, position + 1, qkv + r * width, keys + slot * slot_size,
                    values + slot * slot_size, scratch.data(),
                    out + r * out_width + kv * group_size);
    }
  });
}

void Pass::activate() {
  const std::int64_t f = activated_.size(1);
  const float* in = gate_up_.const_data_ptr<float>();
  float* out = activated_.mutable_data_ptr<float>();
  for_each(activated_.size(0), 20 * f, [&](std::int64_t begin, std::int64_t end) {
    swiglu_forward(end - begin, f, in + begin * 2 * f, out + begin * f);
  });
}

at::Tensor Pass::run() {
  for (std::size_t i = 0; i < decoder_.layers.size(); ++i) {
    const LlamaLayer& layer = decoder_.layers[i];
    norm(layer.input_norm, normed_);
    project(layer.qkv, normed_, qkv_, false);
    attend(i);
    project(layer.o, attended_, x_, true);
    norm(layer.post_attention_norm, normed_);
    project(layer.gate_up, normed_, gate_up_, false);
    activate();
    project(layer.down, activated_, x_, true);
  }
  norm(decoder_.norm, normed_);
  return normed_;
}

}  // namespace

void multiply_float(const at::Tensor& x, const at::Tensor& weight, at::Tensor& y, bool add) {
  const std::int64_t rows = x.size(0), outputs = weight.size(0), inputs = weight.size(1);
  TORCH_CHECK(x.is_contiguous() && weight.is_contiguous(), "rows and weights must be whole");
  const RowProduct product{x.const_data_ptr<float>(),
                           weight.const_data_ptr<float>(),
                           y.mutable_data_ptr<float>(),
                           rows,
                           inputs,
                           y.size(1),
                           add};
  const std::int64_t pieces = (outputs + kOutputsAtOnce - 1) / kOutputsAtOnce;
  for_each(pieces, rows * inputs * kOutputsAtOnce, [&](std::int64_t begin, std::int64_t end) {
    multiply_rows(product, begin * kOutputsAtOnce, std::min(end * kOutputsAtOnce, outputs));
  });
}

at::Tensor decode_float_cached(const LlamaDecoder& decoder, const at::Tensor& embeddings,
                               std::span<const CacheSegment> segments, StaticKvCache& cache) {
  return Pass(decoder, segments, cache, embeddings).run();
}

}  // namespace vlsweep
