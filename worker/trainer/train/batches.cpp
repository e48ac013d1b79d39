#include "worker/trainer/train/batches.h"

#include <algorithm>
#include <utility>

namespace vlsweep {
namespace {

constexpr std::size_t kBatchesPerChunk = 8;

}  // namespace

BatchOrder::BatchOrder(std::vector<std::int64_t> lengths, std::int64_t batch, bool by_length,
                       std::uint64_t seed)
    : lengths_(std::move(lengths)),
      batch_(std::min(static_cast<std::size_t>(batch), lengths_.size())),
      by_length_(by_length),
      random_(seed, "batches") {}

std::int64_t BatchOrder::batches_per_epoch() const {
  return static_cast<std::int64_t>(lengths_.size() / batch_);
}

std::vector<std::int64_t> BatchOrder::next() {
  if (left_.empty()) begin_epoch();
  std::vector<std::int64_t> batch = std::move(left_.back());
  left_.pop_back();
  return batch;
}

void BatchOrder::begin_epoch() {
  std::vector<std::int64_t> order = random_.permutation(lengths_.size());
  const auto length_of = [this](std::int64_t i) { return lengths_[static_cast<std::size_t>(i)]; };
  const std::size_t chunk = batch_ * kBatchesPerChunk;
  for (std::size_t begin = 0; by_length_ && begin < order.size(); begin += chunk)
    std::ranges::stable_sort(
        order.begin() + static_cast<std::ptrdiff_t>(begin),
        order.begin() + static_cast<std::ptrdiff_t>(std::min(begin + chunk, order.size())), {},
        length_of);
  for (std::size_t begin = 0; begin + batch_ <= order.size(); begin += batch_) {
    const auto first = order.begin() + static_cast<std::ptrdiff_t>(begin);
    left_.emplace_back(first, first + static_cast<std::ptrdiff_t>(batch_));
  }
  random_.shuffle(left_);
}

}  // namespace vlsweep
