#include "worker/trainer/model/kernels.h"

#include <ATen/Parallel.h>

#include "worker/trainer/model/float_kernels.h"

namespace vlsweep {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using Tensors = torch::autograd::variable_list;

// Beyond this ATen's blocked attention is faster than a plain loop over the positions.
constexpr std::int64_t kMaxFusedLength = 256;
constexpr std::int64_t kRowsPerTask = 256;

bool is_cpu_float(const at::Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == at::kFloat;
}

struct RmsNorm : Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weight, double eps) {
    const at::Tensor x = input.contiguous();
    at::Tensor y = at::empty_like(x), inverse = at::empty({x.size(0)}, x.options());
    const std::int64_t d = x.size(1);
    at::parallel_for(0, x.size(0), kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
      rms_norm_forward(end - begin, d, x.const_data_ptr<float>() + begin * d,
                       weight.const_data_ptr<float>(), static_cast<float>(eps),
                       y.mutable_data_ptr<float>() + begin * d,
                       inverse.mutable_data_ptr<float>() + begin);
    });
    context->save_for_backward({x, weight, inverse});
    return y;
  }

  // In one thread: the sum over rows has one order.
  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor grad_y = gradients[0].contiguous();
    const at::Tensor &x = saved[0], &weight = saved[1];
    at::Tensor grad_x = at::empty_like(x), grad_weight = at::zeros_like(weight);
    rms_norm_backward(x.size(0), x.size(1), x.const_data_ptr<float>(),
                      weight.const_data_ptr<float>(), saved[2].const_data_ptr<float>(),
                      grad_y.const_data_ptr<float>(), grad_x.mutable_data_ptr<float>(),
                      grad_weight.mutable_data_ptr<float>());
    return {grad_x, grad_weight, at::Tensor()};
  }
};

struct SwiGlu : Function<SwiGlu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input) {
    const at::Tensor gate_up = input.contiguous();
    const std::int64_t f = gate_up.size(1) / 2;
    at::Tensor y = at::empty({gate_up.size(0), f}, gate_up.options());
    at::parallel_for(0, y.size(0), kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
      swiglu_forward(end - begin, f, gate_up.const_data_ptr<float>() + begin * 2 * f,
                     y.mutable_data_ptr<float>() + begin * f);
    });
    context->save_for_backward({gate_up});
    return y;
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const at::Tensor gate_up = context->get_saved_variables()[0];
    const at::Tensor grad_y = gradients[0].contiguous();
    const std::int64_t f = grad_y.size(1);
    at::Tensor grad = at::empty_like(gate_up);
    at::parallel_for(0, grad.size(0), kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
      swiglu_backward(end - begin, f, gate_up.const_data_ptr<float>() + begin * 2 * f,
                      grad_y.const_data_ptr<float>() + begin * f,
                      grad.mutable_data_ptr<float>() + begin * 2 * f);
    });
    return {grad};
  }
};

AttentionShape attention_shape(const at::Tensor& qkv, std::int64_t num_heads, const at::Tensor& cos,
                               const at::Tensor& sin) {
  return {qkv.size(1),
          num_heads,
          (qkv.size(2) - num_heads) / 2,
          qkv.size(3),
          cos.const_data_ptr<float>(),
          sin.const_data_ptr<float>()};
}

struct FusedAttention : Function<FusedAttention> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& cos, const at::Tensor& sin, std::int64_t num_heads) {
    const at::Tensor qkv = input.contiguous();
    const std::int64_t batch = qkv.size(0), length = qkv.size(1);
    const AttentionShape shape = attention_shape(qkv, num_heads, cos, sin);
    const std::int64_t width = num_heads * shape.head_dim, wide = shape.row_size();
    at::Tensor rotated = at::empty_like(qkv);
    at::Tensor out = at::empty({batch * length, width}, qkv.options());
    at::Tensor sums = at::empty({batch, num_heads, length}, qkv.options());
    at::parallel_for(0, batch, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        attention_forward(shape, qkv.const_data_ptr<float>() + b * length * wide,
                          rotated.mutable_data_ptr<float>() + b * length * wide,
                          out.mutable_data_ptr<float>() + b * length * width,
                          sums.mutable_data_ptr<float>() + b * num_heads * length);
      }
    });
    context->save_for_backward({rotated, out, sums, cos, sin});
    context->saved_data["num_heads"] = num_heads;
    return out;
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &rotated = saved[0], &out = saved[1], &sums = saved[2];
    const at::Tensor grad_out = gradients[0].contiguous();
    const std::int64_t num_heads = context->saved_data["num_heads"].toInt();
    const AttentionShape shape = attention_shape(rotated, num_heads, saved[3], saved[4]);
    const std::int64_t width = num_heads * shape.head_dim, wide = shape.row_size();
    const std::int64_t length = shape.length;
    at::Tensor grad = at::empty_like(rotated);
    at::parallel_for(0, rotated.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        attention_backward(shape, rotated.const_data_ptr<float>() + b * length * wide,
                           out.const_data_ptr<float>() + b * length * width,
                           sums.const_data_ptr<float>() + b * num_heads * length,
                           grad_out.const_data_ptr<float>() + b * length * width,
                           grad.mutable_data_ptr<float>() + b * length * wide);
      }
    });
    return {grad, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  if (is_cpu_float(x) && x.dim() == 2) return RmsNorm::apply(x, weight, eps);
  if (x.scalar_type() == at::kFloat) return at::rms_norm(x, {x.size(-1)}, weight, eps);
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor scale = at::rsqrt(wide.square().mean(-1, true) + eps);
  return weight * (wide * scale).to(x.scalar_type());
}

at::Tensor swiglu(const at::Tensor& gate_up) {
  if (is_cpu_float(gate_up) && gate_up.dim() == 2) return SwiGlu::apply(gate_up);
  const std::int64_t f = gate_up.size(-1) / 2;
  return at::silu(gate_up.narrow(-1, 0, f)) * gate_up.narrow(-1, f, f);
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor first = x.narrow(-1, 0, half);
  const at::Tensor second = x.narrow(-1, half, half);
  return at::cat({first * cos - second * sin, second * cos + first * sin}, -1);
}

at::Tensor fused_attention(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin,
                           std::int64_t num_heads) {
  return FusedAttention::apply(qkv, cos.contiguous(), sin.contiguous(), num_heads);
}

bool has_fused_attention(const at::Tensor& qkv) {
  return is_cpu_float(qkv) && qkv.size(1) <= kMaxFusedLength && supported_head_dim(qkv.size(3));
}

at::Tensor quick_gelu(const at::Tensor& x) { return x * at::sigmoid(x * 1.702); }

}  // namespace vlsweep
