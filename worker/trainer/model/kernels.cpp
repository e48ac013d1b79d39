#include "worker/trainer/model/kernels.h"

#include <ATen/Parallel.h>

#include "worker/trainer/model/float_kernels.h"

namespace vlsweep {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using Tensors = torch::autograd::variable_list;

constexpr std::int64_t kRowsPerTask = 64;

// Calls `body(first row, number of rows)` for pieces of kRowsPerTask rows: what a piece computes
// does not hang on the number of threads.
template <class Body>
void for_row_pieces(std::int64_t rows, const Body& body) {
  const std::int64_t pieces = (rows + kRowsPerTask - 1) / kRowsPerTask;
  at::parallel_for(0, pieces, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t piece = begin; piece < end; ++piece) {
      const std::int64_t first = piece * kRowsPerTask;
      body(first, std::min(kRowsPerTask, rows - first));
    }
  });
}

struct RmsNorm : Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weight, double eps) {
    const at::Tensor x = input.contiguous();
    NormedRows normed = rms_norm_rows(x, weight, eps);
    context->save_for_backward({x, weight, normed.inverse_rms});
    return normed.rows;
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto saved = context->get_saved_variables();
    const NormGradients result = rms_norm_gradients(
        saved[0], saved[1], saved[2], gradients[0].contiguous(), context->needs_input_grad(1));
    return {result.x, result.weight, at::Tensor()};
  }
};

struct SwiGlu : Function<SwiGlu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input) {
    const at::Tensor gate_up = input.contiguous();
    context->save_for_backward({gate_up});
    return swiglu_rows(gate_up);
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    return {swiglu_gradient(context->get_saved_variables()[0], gradients[0].contiguous())};
  }
};

// Gradients in float32, rounded where transformers' own operations round.
NormGradients norm_gradients_elsewhere(const at::Tensor& x, const at::Tensor& weight,
                                       const at::Tensor& inverse, const at::Tensor& grad,
                                       bool of_weight) {
  const at::Tensor wide = x.to(at::kFloat), scale = inverse.unsqueeze(1);
  const at::Tensor unit = wide * scale;
  const at::Tensor pulled = (grad * weight).to(at::kFloat);
  NormGradients result;
  result.x = (scale * (pulled - unit * (pulled * unit).mean(-1, true))).to(x.scalar_type());
  if (of_weight) result.weight = (grad * unit.to(x.scalar_type())).sum(0);
  return result;
}

}  // namespace

NormedRows rms_norm_rows(const at::Tensor& x, const at::Tensor& weight, double eps) {
  if (!is_cpu_float(x)) {
    const at::Tensor wide = x.to(at::kFloat);
    const at::Tensor scale = at::rsqrt(wide.square().mean(-1, true) + eps);
    return {weight * (wide * scale).to(x.scalar_type()), scale.squeeze(1)};
  }
  NormedRows normed{at::empty_like(x), at::empty({x.size(0)}, x.options())};
  const std::int64_t d = x.size(1);
  for_row_pieces(x.size(0), [&](std::int64_t row, std::int64_t rows) {
    rms_norm_forward(rows, d, x.const_data_ptr<float>() + row * d, weight.const_data_ptr<float>(),
                     static_cast<float>(eps), normed.rows.mutable_data_ptr<float>() + row * d,
                     normed.inverse_rms.mutable_data_ptr<float>() + row);
  });
  return normed;
}

at::Tensor rms_norm_again(const at::Tensor& x, const at::Tensor& weight,
                          const at::Tensor& inverse_rms) {
  if (!is_cpu_float(x))
    return weight * (x.to(at::kFloat) * inverse_rms.unsqueeze(1)).to(x.scalar_type());
  at::Tensor rows = at::empty_like(x);
  const std::int64_t d = x.size(1);
  for_row_pieces(x.size(0), [&](std::int64_t row, std::int64_t count) {
    rms_norm_scale(count, d, x.const_data_ptr<float>() + row * d, weight.const_data_ptr<float>(),
                   inverse_rms.const_data_ptr<float>() + row,
                   rows.mutable_data_ptr<float>() + row * d);
  });
  return rows;
}

NormGradients rms_norm_gradients(const at::Tensor& x, const at::Tensor& weight,
                                 const at::Tensor& inverse_rms, const at::Tensor& grad,
                                 bool of_weight) {
  if (!is_cpu_float(x)) return norm_gradients_elsewhere(x, weight, inverse_rms, grad, of_weight);
  const std::int64_t rows = x.size(0), d = x.size(1);
  const std::int64_t pieces = (rows + kRowsPerTask - 1) / kRowsPerTask;
  at::Tensor grad_x = at::empty_like(x), of_pieces;
  if (of_weight) of_pieces = at::zeros({pieces, d}, weight.options());
  for_row_pieces(rows, [&](std::int64_t row, std::int64_t count) {
    float* grad_weight =
        of_weight ? of_pieces.mutable_data_ptr<float>() + row / kRowsPerTask * d : nullptr;
    rms_norm_backward(count, d, x.const_data_ptr<float>() + row * d, weight.const_data_ptr<float>(),
                      inverse_rms.const_data_ptr<float>() + row,
                      grad.const_data_ptr<float>() + row * d,
                      grad_x.mutable_data_ptr<float>() + row * d, grad_weight);
  });
  return {grad_x, of_weight ? of_pieces.sum(0) : at::Tensor()};
}

at::Tensor swiglu_rows(const at::Tensor& gate_up) {
  const std::int64_t f = gate_up.size(1) / 2;
  if (!is_cpu_float(gate_up)) return at::silu(gate_up.narrow(1, 0, f)) * gate_up.narrow(1, f, f);
  at::Tensor y = at::empty({gate_up.size(0), f}, gate_up.options());
  for_row_pieces(y.size(0), [&](std::int64_t row, std::int64_t rows) {
    swiglu_forward(rows, f, gate_up.const_data_ptr<float>() + row * 2 * f,
                   y.mutable_data_ptr<float>() + row * f);
  });
  return y;
}

at::Tensor swiglu_gradient(const at::Tensor& gate_up, const at::Tensor& grad) {
  const std::int64_t f = grad.size(1);
  if (!is_cpu_float(gate_up)) {
    const at::Tensor gate = gate_up.narrow(1, 0, f), up = gate_up.narrow(1, f, f);
    return at::cat({at::silu_backward(grad * up, gate), grad * at::silu(gate)}, 1);
  }
  at::Tensor result = at::empty_like(gate_up);
  for_row_pieces(grad.size(0), [&](std::int64_t row, std::int64_t rows) {
    swiglu_backward(rows, f, gate_up.const_data_ptr<float>() + row * 2 * f,
                    grad.const_data_ptr<float>() + row * f,
                    result.mutable_data_ptr<float>() + row * 2 * f);
  });
  return result;
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const bool recorded = at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad());
  return recorded ? RmsNorm::apply(x, weight, eps)
                  : rms_norm_rows(x.contiguous(), weight, eps).rows;
}

at::Tensor swiglu(const at::Tensor& gate_up) {
  const bool recorded = at::GradMode::is_enabled() && gate_up.requires_grad();
  return recorded ? SwiGlu::apply(gate_up) : swiglu_rows(gate_up.contiguous());
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor first = x.narrow(-1, 0, half);
  const at::Tensor second = x.narrow(-1, half, half);
  return at::cat({first * cos - second * sin, second * cos + first * sin}, -1);
}

at::Tensor quick_gelu(const at::Tensor& x) { return x * at::sigmoid(x * 1.702); }

}  // namespace vlsweep
