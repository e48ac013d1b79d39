#include "worker/trainer/model/cross_entropy.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "worker/trainer/model/float_kernels.h"
#include "worker/trainer/model/kernels.h"
#include "worker/trainer/model/product.h"

namespace vlsweep {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using Tensors = torch::autograd::variable_list;

// Of the logits of one piece. A gradient of the head costs a pass over it for each piece, so that
// pieces are not made smaller than memory asks for.
constexpr std::int64_t kMostLogitBytes = std::int64_t{96} << 20;
constexpr std::int64_t kRowMultiple = 64;

std::int64_t rows_per_piece(std::int64_t vocabulary) {
  const std::int64_t rows =
      kMostLogitBytes / (vocabulary * static_cast<std::int64_t>(sizeof(float)));
  return std::max(kRowMultiple, rows / kRowMultiple * kRowMultiple);
}

// Sum of the rows' losses in float32; with a gradient_scale other than 0 the logits become their
// gradients.
at::Tensor losses_of(at::Tensor& logits, const at::Tensor& targets, double gradient_scale) {
  if (is_cpu_float(logits)) {
    at::Tensor losses = at::empty({logits.size(0)}, logits.options());
    const std::int64_t width = logits.size(1);
    at::parallel_for(0, logits.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      cross_entropy_rows(end - begin, width, logits.mutable_data_ptr<float>() + begin * width,
                         targets.const_data_ptr<std::int64_t>() + begin,
                         static_cast<float>(gradient_scale),
                         losses.mutable_data_ptr<float>() + begin);
    });
    return losses.sum();
  }
  const at::Tensor scored = targets.ne(kNoTarget).unsqueeze(1);
  const at::Tensor index = targets.clamp_min(0).unsqueeze(1);
  at::Tensor log_probabilities = at::log_softmax(logits, -1, at::kFloat);
  const at::Tensor loss = -(log_probabilities.gather(1, index) * scored).sum();
  if (gradient_scale == 0) return loss;
  log_probabilities.exp_().scatter_add_(1, index, at::full_like(index, -1, at::kFloat));
  logits = log_probabilities.mul_(scored * gradient_scale).to(logits.scalar_type());
  return loss;
}

struct HeadCrossEntropy : Function<HeadCrossEntropy> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden,
                            const at::Tensor& head, const at::Tensor& targets, double scale,
                            bool of_hidden, bool of_head) {
    at::Tensor total = at::zeros({}, hidden.options().dtype(at::kFloat));
    at::Tensor grad_hidden, grad_head;
    if (of_hidden) grad_hidden = at::empty_like(hidden);
    const std::int64_t piece = rows_per_piece(head.size(0));
    for (std::int64_t row = 0; row < hidden.size(0); row += piece) {
      const std::int64_t rows = std::min(piece, hidden.size(0) - row);
      const at::Tensor inputs = hidden.narrow(0, row, rows);
      at::Tensor logits = product(inputs, head);
      total.add_(losses_of(logits, targets.narrow(0, row, rows), of_hidden || of_head ? scale : 0));
      if (of_hidden) grad_hidden.narrow(0, row, rows).copy_(product(logits, head.t()));
      if (!of_head) continue;
      const at::Tensor part = product(logits.t(), inputs.t());
      grad_head = grad_head.defined() ? grad_head.add_(part) : part;
    }
    context->save_for_backward({grad_hidden, grad_head});
    return total.mul_(scale);
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& factor = gradients[0];
    // The gradient of a loss in itself is 1; a device is not asked.
    const bool same = factor.is_cpu() && factor.item<float>() == 1;
    Tensors result(6);
    for (std::size_t i = 0; i < 2; ++i) {
      if (!saved[i].defined()) continue;
      result[i] = same ? saved[i] : saved[i] * factor.to(saved[i].scalar_type());
    }
    return result;
  }
};

}  // namespace

at::Tensor head_cross_entropy(const at::Tensor& hidden, const at::Tensor& head,
                              const at::Tensor& targets, double scale) {
  const bool recorded = at::GradMode::is_enabled();
  return HeadCrossEntropy::apply(hidden.contiguous(), head, targets.contiguous(), scale,
                                 recorded && hidden.requires_grad(),
                                 recorded && head.requires_grad());
}

}  // namespace vlsweep
