#include "worker/trainer/model/linear.h"

#include <array>
#include <cmath>

#include "worker/trainer/model/dropout.h"
#include "worker/trainer/model/kernels.h"
#include "worker/trainer/model/product.h"

namespace vlsweep {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using Tensors = torch::autograd::variable_list;
using Input = LinearCall::Input;

// One LoRA part as the node needs it.
struct Piece {
  std::int64_t first_row = 0, num_rows = 0;  // of y
  std::int64_t first_rank = 0, rank = 0;     // rows of a, columns of the low-rank rows
  std::uint32_t stream = 0;
};

// What a node keeps beside tensors.
struct LinearState : torch::CustomClassHolder {
  Input input = Input::rows;
  double eps = 0;
  double scale = 0;
  double dropout = 0;  // 0 where none acts
  DropoutKey key;
  std::vector<Piece> pieces;

  DropoutMask mask(const Piece& piece) const { return {key, piece.stream, dropout}; }
};

// The tensors of one call; those that are absent are empty, since an autograd function takes
// defined ones alone.
struct LinearTensors {
  at::Tensor x, weight, bias, norm_weight, residual, a;
  std::array<at::Tensor, kMaxLinearParts> b;
};

const at::Tensor& absent() {
  static const at::Tensor empty = at::empty({0}, at::kFloat);
  return empty;
}

const at::Tensor& or_absent(const at::Tensor& tensor) {
  return tensor.defined() ? tensor : absent();
}

at::Tensor a_rows(const at::Tensor& a, const Piece& piece) {
  return a.narrow(0, piece.first_rank, piece.rank);
}

// y += the parts' updates. Returns the low-rank rows [N, ranks], not yet scaled.
at::Tensor add_lora(const LinearState& state, const LinearTensors& t, const at::Tensor& input,
                    at::Tensor& y) {
  const at::Tensor a = t.a.to(input.scalar_type());
  at::Tensor low;
  if (state.dropout == 0) low = product(input, a);
  std::vector<at::Tensor> lows;
  for (std::size_t i = 0; i < state.pieces.size(); ++i) {
    const Piece& piece = state.pieces[i];
    lows.push_back(low.defined() ? low.narrow(1, piece.first_rank, piece.rank)
                                 : product(state.mask(piece).apply(input), a_rows(a, piece)));
    y.narrow(1, piece.first_row, piece.num_rows)
        .addmm_(lows.back(), t.b[i].to(input.scalar_type()).t(), 1, state.scale);
  }
  return low.defined() ? low : at::cat(lows, 1);
}

struct LinearOutput {
  at::Tensor y, inverse_rms, low;  // the last two for the gradient, absent where there are none
};

LinearOutput forward_rows(const LinearState& state, const LinearTensors& t) {
  LinearOutput result{{}, absent(), absent()};
  at::Tensor input = t.x;
  if (state.input == Input::swiglu) input = swiglu_rows(t.x);
  if (state.input == Input::rms_norm) {
    NormedRows normed = rms_norm_rows(t.x, t.norm_weight, state.eps);
    input = normed.rows;
    result.inverse_rms = normed.inverse_rms;
  }
  result.y = product(input, t.weight, t.bias);
  if (!state.pieces.empty()) result.low = add_lora(state, t, input, result.y);
  if (t.residual.numel() > 0) result.y.add_(t.residual);
  return result;
}

// The rows that entered the product, made again.
at::Tensor input_again(const LinearState& state, const at::Tensor& x, const at::Tensor& norm_weight,
                       const at::Tensor& inverse_rms) {
  if (state.input == Input::swiglu) return swiglu_rows(x);
  if (state.input == Input::rms_norm) return rms_norm_again(x, norm_weight, inverse_rms);
  return x;
}

// Gradients of LoRA's matrices, and of the product's input, which is added to where it is defined.
void lora_gradients(const LinearState& state, const LinearTensors& t, const at::Tensor& low,
                    const at::Tensor& input, const at::Tensor& grad, Tensors& result,
                    at::Tensor& grad_input) {
  const auto type = grad.scalar_type();
  const at::Tensor a = t.a.to(type);
  std::vector<at::Tensor> grad_low, grad_a;
  for (std::size_t i = 0; i < state.pieces.size(); ++i) {
    const Piece& piece = state.pieces[i];
    const at::Tensor part = grad.narrow(1, piece.first_row, piece.num_rows);
    grad_low.push_back(at::mm(part, t.b[i].to(type)).mul_(state.scale));
    result[6 + i] = at::mm(part.t(), low.narrow(1, piece.first_rank, piece.rank))
                        .mul_(state.scale)
                        .to(t.b[i].scalar_type());
    if (state.dropout == 0) continue;
    const DropoutMask mask = state.mask(piece);
    grad_a.push_back(at::mm(grad_low[i].t(), mask.apply(input)));
    if (grad_input.defined()) mask.add_applied(grad_input, at::mm(grad_low[i], a_rows(a, piece)));
  }
  if (state.dropout == 0) {
    const at::Tensor all = grad_low.size() == 1 ? grad_low.front() : at::cat(grad_low, 1);
    grad_a.push_back(product(all.t(), input.t()));
    if (grad_input.defined()) grad_input.addmm_(all, a);
  }
  result[5] = (grad_a.size() == 1 ? grad_a.front() : at::cat(grad_a)).to(t.a.scalar_type());
}

struct LinearNode : Function<LinearNode> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, const at::Tensor& norm_weight,
                            const at::Tensor& residual, const at::Tensor& a, const at::Tensor& b0,
                            const at::Tensor& b1, const at::Tensor& b2,
                            const c10::intrusive_ptr<LinearState>& state) {
    const LinearOutput output =
        forward_rows(*state, {x, weight, bias, norm_weight, residual, a, {b0, b1, b2}});
    context->save_for_backward(
        {x, weight, norm_weight, a, b0, b1, b2, output.inverse_rms, output.low});
    context->saved_data["state"] = c10::IValue::make_capsule(state);
    return output.y;
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto saved = context->get_saved_variables();
    const auto holder = context->saved_data["state"].toCapsule();
    const auto& state = static_cast<const LinearState&>(*holder);
    const LinearTensors t{
        saved[0], saved[1], {}, saved[2], {}, saved[3], {saved[4], saved[5], saved[6]}};
    const at::Tensor &inverse_rms = saved[7], &low = saved[8];
    const at::Tensor grad = gradients[0].contiguous();
    const bool of_weight = context->needs_input_grad(1), of_lora = context->needs_input_grad(5);
    const bool of_norm = context->needs_input_grad(3);
    Tensors result(10);
    at::Tensor input, grad_input;
    if (of_weight || of_lora) input = input_again(state, t.x, t.norm_weight, inverse_rms);
    if (of_weight) result[1] = product(grad.t(), input.t());
    if (context->needs_input_grad(2)) result[2] = grad.sum(0);
    if (context->needs_input_grad(0) || of_norm) grad_input = product(grad, t.weight.t());
    if (of_lora) lora_gradients(state, t, low, input, grad, result, grad_input);
    input.reset();
    if (context->needs_input_grad(4)) result[4] = grad;
    if (!grad_input.defined()) return result;
    if (state.input == Input::rows) result[0] = grad_input;
    if (state.input == Input::swiglu) result[0] = swiglu_gradient(t.x, grad_input);
    if (state.input == Input::rms_norm) {
      const NormGradients norm =
          rms_norm_gradients(t.x, t.norm_weight, inverse_rms, grad_input, of_norm);
      result[0] = norm.x;
      result[3] = norm.weight;
    }
    return result;
  }
};

c10::intrusive_ptr<LinearState> state_of(const FusedLinear& linear, const LinearCall& call) {
  auto state = c10::make_intrusive<LinearState>();
  state->input = call.input;
  state->eps = call.eps;
  if (!linear.lora) return state;
  const Lora& lora = *linear.lora;
  state->scale = lora.scale();
  state->dropout = call.training ? lora.dropout : 0;
  state->key = call.dropout;
  for (std::size_t i = 0; i < lora.parts.size(); ++i) {
    const LinearPart& part = linear.parts[lora.parts[i].part];
    state->pieces.push_back({part.first_row, part.num_rows,
                             static_cast<std::int64_t>(i) * lora.rank, lora.rank,
                             lora.stream + static_cast<std::uint32_t>(lora.parts[i].part)});
  }
  return state;
}

}  // namespace

double Lora::scale() const {
  const auto divisor = static_cast<double>(rank);
  return alpha / (rslora ? std::sqrt(divisor) : divisor);
}

at::Tensor linear_rows(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (x.dim() != 2) return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
  FusedLinear linear;
  linear.weight = weight;
  linear.bias = bias;
  return linear(x);
}

at::Tensor FusedLinear::operator()(const at::Tensor& x, const LinearCall& call) const {
  LinearTensors t{x.contiguous(),
                  weight,
                  or_absent(bias),
                  or_absent(call.norm_weight),
                  or_absent(call.residual),
                  lora ? lora->a : absent(),
                  {absent(), absent(), absent()}};
  if (lora)
    for (std::size_t i = 0; i < lora->parts.size(); ++i) t.b[i] = lora->parts[i].b;
  const auto state = state_of(*this, call);
  if (!at::GradMode::is_enabled()) return forward_rows(*state, t).y;
  return LinearNode::apply(t.x, t.weight, t.bias, t.norm_weight, t.residual, t.a, t.b[0], t.b[1],
                           t.b[2], state);
}

}  // namespace vlsweep
