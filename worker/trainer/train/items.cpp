#include "worker/trainer/train/items.h"

#include <algorithm>

namespace vlsweep {
namespace {

void fill_up(std::vector<std::int64_t>& values, std::size_t multiple, std::int64_t filler) {
  values.resize((values.size() + multiple - 1) / multiple * multiple, filler);
}

}  // namespace

std::int64_t num_supervised(const TrainItem& item) {
  std::int64_t count = 0;
  for (std::size_t i = 1; i < item.labels.size(); ++i) count += item.labels[i] != kIgnoredLabel;
  return count;
}

TokenBatch make_batch(const std::vector<TrainItem>& items, std::span<const std::int64_t> indices,
                      at::Device device) {
  const auto item_at = [&](std::size_t row) -> const TrainItem& {
    return items[static_cast<std::size_t>(indices[row])];
  };
  std::int64_t length = 1;
  for (std::size_t row = 0; row < indices.size(); ++row)
    length = std::max(length, input_length(item_at(row)));
  TokenBatch batch;
  // Padding is id 0: it is behind every real position, so nothing attends to it or is scored on it.
  std::vector<std::int64_t> ids(indices.size() * static_cast<std::size_t>(length), 0);
  std::vector<std::int64_t> rows, targets;
  for (std::size_t row = 0; row < indices.size(); ++row) {
    const TrainItem& item = item_at(row);
    const std::size_t begin = row * static_cast<std::size_t>(length);
    const auto inputs = static_cast<std::size_t>(std::max<std::int64_t>(0, input_length(item)));
    for (std::size_t i = 0; i < inputs; ++i) {
      ids[begin + i] = item.ids[i];
      if (item.labels[i + 1] == kIgnoredLabel) continue;
      rows.push_back(static_cast<std::int64_t>(begin + i));
      targets.push_back(item.labels[i + 1]);
    }
    if (item.image >= 0) batch.images.push_back(item.image);
    batch.num_tokens += static_cast<std::int64_t>(inputs);
  }
  fill_up(rows, kRowsTogether, 0);
  fill_up(targets, kRowsTogether, kIgnoredLabel);
  batch.ids = at::tensor(ids).view({static_cast<std::int64_t>(indices.size()), length}).to(device);
  batch.rows = at::tensor(rows, at::kLong).to(device);
  batch.targets = at::tensor(targets, at::kLong).to(device);
  return batch;
}

}  // namespace vlsweep
