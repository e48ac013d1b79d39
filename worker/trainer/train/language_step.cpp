#include "worker/trainer/train/language_step.h"

#include <algorithm>

namespace vlsweep {

at::Tensor LanguageStep::project_images(const TokenBatch& batch) const {
  if (batch.images.empty()) return {};
  std::vector<std::int64_t> ids = batch.images;
  if (settings_.trains_tower)
    return model_.project(model_.tower_features(images_->gather(model_, ids)));
  const std::size_t count = (ids.size() + kImagesTogether - 1) / kImagesTogether * kImagesTogether;
  ids.resize(count, ids.front());
  return model_.project(images_->gather(model_, ids))
      .narrow(0, 0, static_cast<std::int64_t>(batch.images.size()));
}

at::Tensor LanguageStep::loss(const TokenBatch& batch, double scale) const {
  const at::Tensor embedded = model_.embed(batch.ids, project_images(batch));
  std::vector<std::int64_t> sequences = batch.sequences;
  if (sequences.empty())
    sequences.assign(static_cast<std::size_t>(batch.ids.size(0)), batch.ids.size(1));
  // The head is by far the widest layer: only rows that are scored go through it.
  const at::Tensor rows = model_.decode_packed(embedded.flatten(0, 1), sequences, batch.rows);
  at::Tensor total;
  for (const WeightedRows& part : batch.weights) {
    if (part.count == 0) continue;
    const at::Tensor sum =
        model_.loss(rows.narrow(0, part.first, part.count),
                    batch.targets.narrow(0, part.first, part.count), part.weight * scale);
    total = total.defined() ? total + sum : sum;
  }
  return total;
}

std::vector<double> LanguageStep::weights(const std::vector<std::int64_t>& batch) const {
  const auto size = std::ssize(batch);
  const std::int64_t group =
      settings_.normalization == LossNormalization::token ? size : settings_.micro_batch;
  const auto num_groups = static_cast<double>((size + group - 1) / group);
  std::vector<double> weights;
  for (std::int64_t begin = 0; begin < size; begin += group) {
    const std::int64_t end = std::min(begin + group, size);
    std::int64_t supervised = 0;
    for (std::int64_t i = begin; i < end; ++i)
      supervised +=
          num_supervised(items_[static_cast<std::size_t>(batch[static_cast<std::size_t>(i)])]);
    const auto count = static_cast<double>(std::max<std::int64_t>(1, supervised));
    weights.resize(static_cast<std::size_t>(end), 1.0 / (count * num_groups));
  }
  return weights;
}

StepLoss LanguageStep::operator()(FlatAdamW& optimizer) {
  const std::vector<std::int64_t> batch = order_.next();
  const std::vector<double> all_weights = weights(batch);
  const std::span<const std::int64_t> all(batch);
  StepLoss total;
  const auto begin = [&] {
    optimizer.zero_gradients();
    total = StepLoss{at::zeros({}, at::TensorOptions().device(model_.device())), 0};
  };
  micro_batches_.run(all, begin, [&](std::span<const std::int64_t> piece) {
    const auto first = static_cast<std::size_t>(piece.data() - all.data());
    const TokenBatch tokens =
        make_batch(items_, piece, std::span(all_weights).subspan(first, piece.size()),
                   settings_.packing, model_.device());
    total.num_tokens += tokens.num_tokens;
    if (tokens.targets.numel() == 0) return;
    // By the piece's place in the batch, so that the members of a gang draw different masks.
    model_.set_dropout_key({settings_.dropout_seed, static_cast<std::uint32_t>(step_),
                            static_cast<std::uint32_t>(first)});
    const at::Tensor part = loss(tokens, optimizer.loss_scale());
    part.backward();
    total.loss += part.detach() / optimizer.loss_scale();
  });
  ++step_;
  return total;
}

void LanguageStep::skip(std::int64_t steps) {
  for (; steps > 0; --steps, ++step_) order_.next();
}

}  // namespace vlsweep
