#include "worker/trainer/train/items.h"

#include <algorithm>

namespace vlsweep {
namespace {

// What becomes of the samples before it lies in tensors.
struct Filling {
  std::vector<std::int64_t> ids, rows, targets;
  TokenBatch batch;

  // The item's inputs at position `begin`.
  void add(const TrainItem& item, std::size_t begin, double weight) {
    const auto inputs = static_cast<std::size_t>(std::max<std::int64_t>(0, input_length(item)));
    const std::size_t before = rows.size();
    for (std::size_t i = 0; i < inputs; ++i) {
      ids[begin + i] = item.ids[i];
      if (item.labels[i + 1] == kIgnoredLabel) continue;
      rows.push_back(static_cast<std::int64_t>(begin + i));
      targets.push_back(item.labels[i + 1]);
    }
    if (item.image >= 0) batch.images.push_back(item.image);
    batch.num_tokens += static_cast<std::int64_t>(inputs);
    add_weight(static_cast<std::int64_t>(before), static_cast<std::int64_t>(rows.size() - before),
               weight);
  }

  void add_weight(std::int64_t first, std::int64_t count, double weight) {
    if (!batch.weights.empty() && batch.weights.back().weight == weight)
      batch.weights.back().count += count;
    else
      batch.weights.push_back({first, count, weight});
  }

  void fill_up(std::size_t multiple) {
    const std::size_t size = (rows.size() + multiple - 1) / multiple * multiple;
    if (!batch.weights.empty())
      batch.weights.back().count += static_cast<std::int64_t>(size - rows.size());
    rows.resize(size, 0);
    targets.resize(size, kIgnoredLabel);
  }
};

}  // namespace

std::int64_t num_supervised(const TrainItem& item) {
  std::int64_t count = 0;
  for (std::size_t i = 1; i < item.labels.size(); ++i) count += item.labels[i] != kIgnoredLabel;
  return count;
}

TokenBatch make_batch(const std::vector<TrainItem>& items, std::span<const std::int64_t> indices,
                      std::span<const double> weights, bool packed, at::Device device) {
  Filling filling;
  std::int64_t longest = 1, total = 0;
  std::vector<const TrainItem*> samples;
  for (const std::int64_t index : indices) {
    samples.push_back(&items[static_cast<std::size_t>(index)]);
    longest = std::max(longest, input_length(*samples.back()));
    total += input_length(*samples.back());
    if (packed) filling.batch.sequences.push_back(input_length(*samples.back()));
  }
  const std::int64_t num_rows = packed ? 1 : std::ssize(samples);
  const std::int64_t length = packed ? total : longest;
  // Padding is id 0: it is behind every real position, so nothing attends to it or is scored on it.
  filling.ids.assign(static_cast<std::size_t>(num_rows * length), 0);
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    filling.add(*samples[i], static_cast<std::size_t>(begin), weights[i]);
    begin += packed ? input_length(*samples[i]) : length;
  }
  if (!packed) filling.fill_up(kRowsTogether);
  TokenBatch batch = std::move(filling.batch);
  batch.ids = at::tensor(filling.ids, at::kLong).view({num_rows, length}).to(device);
  batch.rows = at::tensor(filling.rows, at::kLong).to(device);
  batch.targets = at::tensor(filling.targets, at::kLong).to(device);
  return batch;
}

}  // namespace vlsweep
