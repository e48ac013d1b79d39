#include "worker/trainer/train/batches.h"

#include <algorithm>
#include <utility>

#include "worker/trainer/train/modality_order.h"

namespace vlsweep {
namespace {

constexpr std::int64_t kBatchesPerChunk = 8;

}  // namespace

BatchOrder::BatchOrder(std::vector<std::int64_t> lengths, const OrderSettings& settings)
    : lengths_(std::move(lengths)),
      settings_(settings),
      random_(settings.seed, "batches"),
      torch_random_(static_cast<std::uint32_t>(settings.seed)) {
  if (settings_.grouping != Grouping::modality_length)
    settings_.batch = std::min(settings_.batch, std::ssize(lengths_));
}

std::int64_t BatchOrder::batches_per_epoch() const {
  const std::int64_t ragged =
      settings_.grouping == Grouping::modality_length ? settings_.batch - 1 : 0;
  return (std::ssize(lengths_) + ragged) / settings_.batch;
}

std::vector<std::int64_t> BatchOrder::next() {
  if (left_.empty()) begin_epoch();
  std::vector<std::int64_t> batch = std::move(left_.back());
  left_.pop_back();
  return batch;
}

std::vector<std::int64_t> BatchOrder::epoch() {
  if (settings_.grouping == Grouping::modality_length)
    return modality_length_order(lengths_, settings_.micro_batch,
                                 settings_.batch / settings_.micro_batch, torch_random_,
                                 torch_random_);
  std::vector<std::int64_t> order = random_.permutation(lengths_.size());
  if (settings_.grouping == Grouping::none) return order;
  const auto length_of = [this](std::int64_t i) { return lengths_[static_cast<std::size_t>(i)]; };
  const std::int64_t size = std::ssize(order), chunk = settings_.batch * kBatchesPerChunk;
  for (std::int64_t begin = 0; begin < size; begin += chunk)
    std::ranges::stable_sort(order.begin() + begin, order.begin() + std::min(begin + chunk, size),
                             {}, length_of);
  return order;
}

void BatchOrder::begin_epoch() {
  const std::vector<std::int64_t> order = epoch();
  const bool whole = settings_.grouping == Grouping::modality_length;
  for (auto at = order.begin(); at != order.end();) {
    const auto size = std::min<std::ptrdiff_t>(settings_.batch, order.end() - at);
    if (size < settings_.batch && !whole) break;
    left_.emplace_back(at, at + size);
    at += size;
  }
  if (whole)
    std::ranges::reverse(left_);
  else
    random_.shuffle(left_);
}

}  // namespace vlsweep
