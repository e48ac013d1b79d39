#include "worker/trainer/model/lora.h"

namespace vlsweep {

at::Tensor merged_weight(const FusedLinear& linear) {
  const at::NoGradGuard no_grad;
  at::Tensor merged = linear.weight.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  const Lora& lora = *linear.lora;
  const std::int64_t rank = lora.b.front().size(1);
  for (std::size_t i = 0; i < linear.parts.size(); ++i) {
    const at::Tensor a = lora.a.narrow(0, static_cast<std::int64_t>(i) * rank, rank);
    merged.narrow(0, linear.parts[i].first_row, linear.parts[i].num_rows)
        .add_(at::matmul(lora.b[i], a), lora.scale);
  }
  return merged.to(linear.weight.scalar_type());
}

void merge_lora(VisionLanguageModel& model) {
  const at::NoGradGuard no_grad;
  for (FusedLinear* linear : model.language_linears()) {
    if (!linear->lora) continue;
    linear->weight.copy_(merged_weight(*linear));
    linear->lora.reset();
  }
}

}  // namespace vlsweep
