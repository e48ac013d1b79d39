#include "worker/trainer/model/linear.h"

namespace vlsweep {
namespace {

// The parts' updates side by side, [N, out], in LoRA's own dtype.
at::Tensor lora_update(const Lora& lora, const at::Tensor& x, bool training) {
  at::Tensor input = x.to(lora.a.scalar_type());
  if (training && lora.dropout > 0) input = at::dropout(input, lora.dropout, true);
  const at::Tensor low = at::linear(input, lora.a);
  const std::int64_t rank = lora.b.front().size(1);
  std::vector<at::Tensor> updates;
  for (std::size_t i = 0; i < lora.b.size(); ++i) {
    const at::Tensor part = low.narrow(-1, static_cast<std::int64_t>(i) * rank, rank);
    updates.push_back(at::linear(part, lora.b[i]));
  }
  return (updates.size() == 1 ? updates.front() : at::cat(updates, -1)) * lora.scale;
}

}  // namespace

at::Tensor FusedLinear::operator()(const at::Tensor& x, bool training) const {
  const at::Tensor y =
      bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
  if (!lora) return y;
  return y + lora_update(*lora, x, training).to(y.scalar_type());
}

}  // namespace vlsweep
