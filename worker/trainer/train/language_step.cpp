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
  const at::Tensor embedded = model_.embed(batch.ids, project_images(batch));
  const std::vector<std::int64_t> lengths(static_cast<std::size_t>(batch.ids.size(0)),
                                          batch.ids.size(1));
  // The head is by far the widest layer: only rows that are scored go through it.
  const at::Tensor rows = model_.decode_packed(embedded.flatten(0, 1), lengths, batch.rows);
  return model_.loss(rows, batch.targets, 1.0 / divisor);
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
    dropout_.micro_batch = 0;
    total = StepLoss{at::zeros({}, at::TensorOptions().device(model_.device())), 0};
  };
  micro_batches_.run(batch, begin, [&](std::span<const std::int64_t> piece) {
    const TokenBatch tokens = make_batch(items_, piece, model_.device());
    total.num_tokens += tokens.num_tokens;
    if (tokens.targets.numel() == 0) return;
    model_.set_dropout_key(dropout_);
    ++dropout_.micro_batch;
    const at::Tensor part = loss(tokens, divisor);
    part.backward();
    total.loss += part.detach();
  });
  ++dropout_.step;
  return total;
}

}  // namespace vlsweep
