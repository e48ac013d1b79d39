#include "worker/trainer/model/kernels.h"

#include <ATen/Parallel.h>

#include "worker/trainer/model/float_kernels.h"

namespace vlsweep {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using Tensors = torch::autograd::variable_list;

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

at::Tensor quick_gelu(const at::Tensor& x) { return x * at::sigmoid(x * 1.702); }

}  // namespace vlsweep
