#include "worker/trainer/model/lora.h"

namespace vlsweep {

at::Tensor merged_rows(const FusedLinear& linear, std::size_t part) {
  const at::NoGradGuard no_grad;
  const LinearPart& place = linear.parts[part];
  const at::Tensor rows = linear.weight.narrow(0, place.first_row, place.num_rows);
  if (!linear.lora) return rows;
  const Lora& lora = *linear.lora;
  for (std::size_t i = 0; i < lora.parts.size(); ++i) {
    if (lora.parts[i].part != part) continue;
    const at::Tensor update =
        at::matmul(lora.parts[i].b.to(at::kFloat), lora.a_of(i).to(at::kFloat)).mul_(lora.scale());
    return update.add_(rows).to(rows.scalar_type());
  }
  return rows;
}

void merge_lora(VisionLanguageModel& model) {
  const at::NoGradGuard no_grad;
  for (FusedLinear* linear : model.language_linears()) {
    if (!linear->lora) continue;
    for (const LoraPart& part : linear->lora->parts) {
      const LinearPart& place = linear->parts[part.part];
      linear->weight.narrow(0, place.first_row, place.num_rows)
          .copy_(merged_rows(*linear, part.part));
    }
    linear->lora.reset();
  }
}

}  // namespace vlsweep
