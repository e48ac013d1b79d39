#include "worker/trainer/train/language_step.h"

#include <algorithm>

namespace vlsweep {

at::Tensor LanguageStep::project_images(const TokenBatch& batch) const {
  if (batch.images.empty()) return {};
  std::vector<std::int64_t> ids = batch.images;
  const std::size_t count = (ids.size() + kImagesTogether - 1) / kImagesTogether * kImagesTogether;
  ids.resize(count, ids.front());
  return model_.project(features_->gather(model_, ids))
      .narrow(0, 0, static_cast<std::int64_t>(batch.images.size()));
}

at::Tensor LanguageStep::loss(const TokenBatch& batch, double divisor) const {
  const at::Tensor hidden = model_.decode(model_.embed(batch.ids, project_images(batch)));
  // The head is by far the widest layer: only rows that are scored go through it.
  const at::Tensor rows = hidden.flatten(0, 1).index_select(0, batch.rows);
  const at::Tensor logits = model_.logits(rows).to(at::kFloat);
  return at::cross_entropy_loss(logits, batch.targets, {}, at::Reduction::Sum, kIgnoredLabel) /
         divisor;
}

StepLoss LanguageStep::operator()(FlatAdamW& optimizer) {
  const std::vector<std::int64_t> batch = order_.next();
  std::int64_t supervised = 0;
  for (const std::int64_t i : batch)
    supervised += num_supervised(items_[static_cast<std::size_t>(i)]);
  const auto divisor = static_cast<double>(std::max<std::int64_t>(1, supervised));
  StepLoss total;
  const auto begin = [&] {
    optimizer.zero_gradients();
    total = StepLoss{at::zeros({}, at::TensorOptions().device(model_.device())), 0};
  };
  micro_batches_.run(batch, begin, [&](std::span<const std::int64_t> piece) {
    const TokenBatch tokens = make_batch(items_, piece, model_.device());
    total.num_tokens += tokens.num_tokens;
    if (tokens.targets.numel() == 0) return;
    const at::Tensor part = loss(tokens, divisor);
    part.backward();
    total.loss += part.detach();
  });
  return total;
}

}  // namespace vlsweep
