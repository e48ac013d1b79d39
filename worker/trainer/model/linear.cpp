#include "worker/trainer/model/linear.h"

#include <ATen/core/dispatch/Dispatcher.h>

namespace vlsweep {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using Tensors = torch::autograd::variable_list;

// oneDNN's product behind ATen's dispatcher; at::linear takes MKL's, which on AMD processors runs
// without AVX-512 (half as fast at our sizes). Empty where this libtorch has no oneDNN.
const std::optional<c10::OperatorHandle>& onednn_linear() {
  static const auto handle = [] {
    auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    constexpr std::size_t kArguments = 6;  // x, weight, bias, activation and its two settings
    if (found && found->schema().arguments().size() != kArguments) found.reset();
    return found;
  }();
  return handle;
}

// Stands for an absent argument of an autograd function, which takes defined tensors alone.
at::Tensor absent(const at::Tensor& like) { return at::empty({0}, like.options()); }

// x [N, in] times weight [out, in] transposed; both whole or transposes of such, since oneDNN is
// slow by orders of magnitude with other strides. Plus bias where there is one.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const bool biased = bias.defined() && bias.numel() > 0;
  torch::jit::Stack stack{x, weight, biased ? c10::IValue(bias) : c10::IValue(), "none",
                          c10::List<std::optional<at::Scalar>>(), ""};
  onednn_linear()->callBoxed(stack);
  return stack.front().toTensor();
}

struct OneDnnLinear : Function<OneDnnLinear> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias) {
    context->save_for_backward({x, weight});
    return product(x, weight, bias);
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor grad = gradients[0].contiguous();
    Tensors result(3);
    if (context->needs_input_grad(0)) result[0] = product(grad, saved[1].t(), {});
    if (context->needs_input_grad(1)) result[1] = product(grad.t(), saved[0].t(), {});
    if (context->needs_input_grad(2)) result[2] = grad.sum(0);
    return result;
  }
};

constexpr std::size_t kMaxParts = 3;  // q, k and v

// A frozen linear with its low-rank updates as one node: x [N, in], weight [out, in],
// a [parts * rank, in], b_i [out_i, rank], all float32 on a CPU; absent b_i where there
// are fewer parts.
struct LoraLinear : Function<LoraLinear> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& dropped, const at::Tensor& weight,
                            const at::Tensor& a, const at::Tensor& b0,
                            const at::Tensor& b1, const at::Tensor& b2, double scale) {
    at::Tensor y = product(x, weight, {});
    const at::Tensor low = product(dropped, a, {}).mul_(scale);
    std::int64_t row = 0, column = 0;
    for (const at::Tensor* b : {&b0, &b1, &b2}) {
      if (b->numel() == 0) break;
      const std::int64_t rank = b->size(1);
      y.narrow(1, row, b->size(0)).addmm_(low.narrow(1, column, rank), b->t());
      row += b->size(0);
      column += rank;
    }
    context->save_for_backward({dropped, weight, a, low, b0, b1, b2});
    context->saved_data["scale"] = scale;
    return y;
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor grad = gradients[0].contiguous();
    const at::Tensor &dropped = saved[0], &a = saved[2], &low = saved[3];
    const double scale = context->saved_data["scale"].toDouble();
    at::Tensor grad_low = at::empty_like(low);
    Tensors result(8);
    std::int64_t row = 0, column = 0;
    for (std::size_t i = 0; i < kMaxParts && saved[4 + i].numel() > 0; ++i) {
      const at::Tensor& b = saved[4 + i];
      const at::Tensor part = grad.narrow(1, row, b.size(0));
      at::Tensor low_part = grad_low.narrow(1, column, b.size(1));
      at::mm_out(low_part, part, b);
      result[4 + i] = at::mm(part.t(), low.narrow(1, column, b.size(1)));
      row += b.size(0);
      column += b.size(1);
    }
    grad_low.mul_(scale);
    result[3] = product(grad_low.t(), dropped.t(), {});
    if (context->needs_input_grad(0)) result[0] = product(grad, saved[1].t(), {});
    if (context->needs_input_grad(1)) result[1] = at::mm(grad_low, a);
    return result;
  }
};

// The parts' updates side by side, [N, out], in LoRA's own dtype.
at::Tensor lora_update(const Lora& lora, const at::Tensor& input) {
  const at::Tensor low = at::linear(input, lora.a) * lora.scale;
  const std::int64_t rank = lora.b.front().size(1);
  std::vector<at::Tensor> updates;
  for (std::size_t i = 0; i < lora.b.size(); ++i) {
    const at::Tensor part = low.narrow(-1, static_cast<std::int64_t>(i) * rank, rank);
    updates.push_back(at::linear(part, lora.b[i]));
  }
  return updates.size() == 1 ? updates.front() : at::cat(updates, -1);
}

bool takes_onednn(const at::Tensor& x) {
  return x.dim() == 2 && x.size(0) > 0 && x.device().is_cpu() && x.scalar_type() == at::kFloat &&
         onednn_linear().has_value();
}

}  // namespace

at::Tensor linear_rows(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!takes_onednn(x)) return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
  const at::Tensor whole = x.contiguous();
  if (!at::GradMode::is_enabled()) return product(whole, weight, bias);
  return OneDnnLinear::apply(whole, weight, bias.defined() ? bias : absent(x));
}

at::Tensor FusedLinear::operator()(const at::Tensor& x, bool training) const {
  if (!lora) return linear_rows(x, weight, bias);
  at::Tensor input = x.to(lora->a.scalar_type()).contiguous();
  if (training && lora->dropout > 0) input = at::dropout(input, lora->dropout, true);
  const bool frozen = !bias.defined() && !weight.requires_grad();
  if (takes_onednn(x) && frozen && lora->b.size() <= kMaxParts) {
    const auto b = [&](std::size_t i) { return i < lora->b.size() ? lora->b[i] : absent(x); };
    return LoraLinear::apply(x.contiguous(), input, weight, lora->a, b(0), b(1), b(2), lora->scale);
  }
  const at::Tensor y = linear_rows(x, weight, bias);
  return y + lora_update(*lora, input).to(y.scalar_type());
}

}  // namespace vlsweep
