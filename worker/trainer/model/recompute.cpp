#include "worker/trainer/model/recompute.h"

#include <utility>

namespace vlsweep {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using Tensors = torch::autograd::variable_list;
using Body = std::function<at::Tensor(const at::Tensor&)>;

struct BodyHolder : torch::CustomClassHolder {
  explicit BodyHolder(Body body) : run(std::move(body)) {}
  Body run;
};

// The parameters are inputs, so that the output has a gradient where x has none (a frozen
// embedding), and their gradients are outputs, so that hooks on them act as ever.
struct Recomputed : Function<Recomputed> {
  static at::Tensor forward(AutogradContext* context, const c10::intrusive_ptr<BodyHolder>& body,
                            const at::Tensor& x, at::TensorList parameters) {
    Tensors kept{x};
    kept.insert(kept.end(), parameters.begin(), parameters.end());
    context->save_for_backward(std::move(kept));
    context->saved_data["body"] = c10::IValue::make_capsule(body);
    return body->run(x);
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto saved = context->get_saved_variables();
    const auto holder = context->saved_data["body"].toCapsule();
    const auto& body = static_cast<const BodyHolder&>(*holder);
    const bool of_x = context->needs_input_grad(0);
    const at::Tensor x = saved.front().detach().requires_grad_(of_x);
    at::Tensor y;
    {
      const at::AutoGradMode recorded(true);
      y = body.run(x);
    }
    Tensors inputs(saved.begin() + (of_x ? 0 : 1), saved.end());
    if (of_x) inputs.front() = x;
    Tensors found = torch::autograd::grad({y}, inputs, {gradients.front()}, std::nullopt, false,
                                          /*allow_unused=*/true);
    Tensors result(1);  // of the body
    if (!of_x) result.emplace_back();
    result.insert(result.end(), found.begin(), found.end());
    return result;
  }
};

}  // namespace

at::Tensor recomputed(const Body& body, const at::Tensor& x,
                      const std::vector<at::Tensor>& parameters) {
  if (!at::GradMode::is_enabled()) return body(x);
  return Recomputed::apply(c10::make_intrusive<BodyHolder>(body), x, at::TensorList(parameters));
}

}  // namespace vlsweep
