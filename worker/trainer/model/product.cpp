#include "worker/trainer/model/product.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>

#include "worker/trainer/model/kernels.h"

namespace vlsweep {
namespace {

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

}  // namespace

at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const bool biased = bias.defined() && bias.numel() > 0;
  // oneDNN is slow by orders of magnitude with other strides than the two named.
  if (!is_cpu_float(x) || x.dim() != 2 || x.size(0) == 0 || !onednn_linear())
    return biased ? at::linear(x, weight, bias) : at::linear(x, weight);
  torch::jit::Stack stack{x,
                          weight,
                          biased ? c10::IValue(bias) : c10::IValue(),
                          "none",
                          c10::List<std::optional<at::Scalar>>(),
                          ""};
  onednn_linear()->callBoxed(stack);
  return stack.front().toTensor();
}

}  // namespace vlsweep
