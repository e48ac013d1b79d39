#include "worker/trainer/model/attention.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "worker/trainer/model/float_kernels.h"
#include "worker/trainer/model/kernels.h"

namespace vlsweep {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using Tensors = torch::autograd::variable_list;

// What the node keeps beside tensors.
struct AttentionState : torch::CustomClassHolder {
  std::vector<std::int64_t> lengths, starts;
  std::int64_t num_heads = 0, head_dim = 0;
};

// Calls `body(shape, first row)` for every sequence, in parallel.
template <class Body>
void for_each_sequence(const AttentionState& state, const at::Tensor& qkv, const at::Tensor& cos,
                       const at::Tensor& sin, const Body& body) {
  const auto count = std::ssize(state.lengths);
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const AttentionShape shape{state.lengths[at],
                                 state.num_heads,
                                 (qkv.size(1) / state.head_dim - state.num_heads) / 2,
                                 state.head_dim,
                                 cos.const_data_ptr<float>(),
                                 sin.const_data_ptr<float>()};
      body(shape, state.starts[at]);
    }
  });
}

struct FloatAttention : Function<FloatAttention> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& cos, const at::Tensor& sin,
                            const c10::intrusive_ptr<AttentionState>& state) {
    const at::Tensor qkv = input.contiguous();
    const std::int64_t wide = qkv.size(1), width = state->num_heads * state->head_dim;
    at::Tensor rotated = at::empty_like(qkv);
    at::Tensor out = at::empty({qkv.size(0), width}, qkv.options());
    at::Tensor sums = at::empty({qkv.size(0), state->num_heads}, qkv.options());
    for_each_sequence(*state, qkv, cos, sin, [&](const AttentionShape& shape, std::int64_t row) {
      attention_forward(shape, qkv.const_data_ptr<float>() + row * wide,
                        rotated.mutable_data_ptr<float>() + row * wide,
                        out.mutable_data_ptr<float>() + row * width,
                        sums.mutable_data_ptr<float>() + row * state->num_heads);
    });
    context->save_for_backward({rotated, out, sums, cos, sin});
    context->saved_data["state"] = c10::IValue::make_capsule(state);
    return out;
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto saved = context->get_saved_variables();
    const auto holder = context->saved_data["state"].toCapsule();
    const auto& state = static_cast<const AttentionState&>(*holder);
    const at::Tensor &rotated = saved[0], &out = saved[1], &sums = saved[2];
    const at::Tensor grad_out = gradients[0].contiguous();
    const std::int64_t wide = rotated.size(1), width = out.size(1);
    at::Tensor grad = at::empty_like(rotated);
    for_each_sequence(state, rotated, saved[3], saved[4],
                      [&](const AttentionShape& shape, std::int64_t row) {
                        attention_backward(shape, rotated.const_data_ptr<float>() + row * wide,
                                           out.const_data_ptr<float>() + row * width,
                                           sums.const_data_ptr<float>() + row * state.num_heads,
                                           grad_out.const_data_ptr<float>() + row * width,
                                           grad.mutable_data_ptr<float>() + row * wide);
                      });
    return {grad, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

bool takes_float_kernel(const at::Tensor& qkv, std::int64_t head_dim) {
  return qkv.device().is_cpu() && qkv.scalar_type() == at::kFloat && supported_head_dim(head_dim);
}

// q [.., T, H, D], k and v [.., T, K, D], one sequence or several of one length.
at::Tensor attend_causally(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const auto heads_first = [](const at::Tensor& x) { return x.transpose(-2, -3); };
  const bool grouped = q.size(-2) != k.size(-2);
  return at::scaled_dot_product_attention(heads_first(q), heads_first(k), heads_first(v), {}, 0.0,
                                          q.size(-3) > 1, std::nullopt, grouped)
      .transpose(-2, -3);
}

bool takes_varlen_kernel(const at::Tensor& q) {
  const bool half = q.scalar_type() == at::kHalf || q.scalar_type() == at::kBFloat16;
  return q.is_cuda() && half && q.size(-1) % 8 == 0 && q.size(-1) <= 256;
}

at::Tensor attend_by_sequence(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const PackedSequences& sequences) {
  if (takes_varlen_kernel(q)) {
    const at::Tensor& bounds = sequences.cumulative_lengths;
    return std::get<0>(at::_flash_attention_forward(q, k, v, bounds, bounds, sequences.longest,
                                                    sequences.longest, 0.0, true, false));
  }
  const auto piece = [](const at::Tensor& x, std::int64_t start, std::int64_t length) {
    return x.narrow(0, start, length).unsqueeze(0);
  };
  std::vector<at::Tensor> outputs;
  for (std::size_t i = 0; i < sequences.lengths.size(); ++i) {
    const std::int64_t start = sequences.starts[i], length = sequences.lengths[i];
    outputs.push_back(
        attend_causally(piece(q, start, length), piece(k, start, length), piece(v, start, length))
            .squeeze(0));
  }
  return at::cat(outputs);
}

at::Tensor aten_attention(const at::Tensor& qkv, const PackedSequences& sequences,
                          std::int64_t num_heads, std::int64_t head_dim) {
  const at::Tensor heads = qkv.view({sequences.rows, -1, head_dim});
  const std::int64_t kv_heads = (heads.size(1) - num_heads) / 2;
  const at::Tensor q = rotate(heads.narrow(1, 0, num_heads), sequences.row_cos, sequences.row_sin);
  const at::Tensor k =
      rotate(heads.narrow(1, num_heads, kv_heads), sequences.row_cos, sequences.row_sin);
  const at::Tensor v = heads.narrow(1, num_heads + kv_heads, kv_heads);
  if (!sequences.equal_lengths)
    return attend_by_sequence(q, k, v, sequences).reshape({sequences.rows, -1});
  const auto batched = [&](const at::Tensor& x) {
    return x.unflatten(0, {std::ssize(sequences.lengths), sequences.longest});
  };
  return attend_causally(batched(q), batched(k), batched(v)).reshape({sequences.rows, -1});
}

}  // namespace

PackedSequences::PackedSequences(std::span<const std::int64_t> sequence_lengths,
                                 const at::Tensor& cos_table, const at::Tensor& sin_table,
                                 at::ScalarType dtype) {
  for (const std::int64_t length : sequence_lengths) {
    TORCH_CHECK(length >= 0, "a sequence of ", length, " positions");
    if (length == 0) continue;
    starts.push_back(rows);
    lengths.push_back(length);
    rows += length;
    longest = std::max(longest, length);
    equal_lengths = equal_lengths && length == lengths.front();
  }
  cos = cos_table.narrow(0, 0, longest).to(dtype);
  sin = sin_table.narrow(0, 0, longest).to(dtype);
  if (dtype == at::kFloat && cos.is_cpu() && supported_head_dim(cos.size(1) * 2)) return;
  std::vector<at::Tensor> positions;
  for (const std::int64_t length : lengths) positions.push_back(at::arange(length, at::kLong));
  const at::Tensor index =
      positions.empty() ? at::empty({0}, at::kLong) : at::cat(positions).to(cos.device());
  row_cos = cos.index_select(0, index).unsqueeze(1);
  row_sin = sin.index_select(0, index).unsqueeze(1);
  if (!cos.is_cuda()) return;
  std::vector<std::int32_t> bounds{0};
  for (const std::int64_t length : lengths)
    bounds.push_back(bounds.back() + static_cast<std::int32_t>(length));
  cumulative_lengths = at::tensor(bounds, at::kInt).to(cos.device());
}

at::Tensor packed_attention(const at::Tensor& qkv, const PackedSequences& sequences,
                            std::int64_t num_heads, std::int64_t head_dim) {
  if (!takes_float_kernel(qkv, head_dim))
    return aten_attention(qkv, sequences, num_heads, head_dim);
  auto state = c10::make_intrusive<AttentionState>();
  state->lengths = sequences.lengths;
  state->starts = sequences.starts;
  state->num_heads = num_heads;
  state->head_dim = head_dim;
  return FloatAttention::apply(qkv, sequences.cos, sequences.sin, state);
}

}  // namespace vlsweep
