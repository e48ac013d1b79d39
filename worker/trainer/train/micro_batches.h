// A batch done in pieces that fit the memory. No libtorch types; belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace vlsweep {

// Whether the exception being handled says that host or device memory ran out.
bool is_out_of_memory();

class MicroBatches {
 public:
  explicit MicroBatches(std::int64_t size) : size_(size) {}

  // Calls `begin`, then `piece` for each `size` samples of the batch. When memory runs out the size
  // is halved for good and the batch begun again: the same effective batch in more pieces. At a
  // size of one the exception goes on.
  void run(std::span<const std::int64_t> batch, const std::function<void()>& begin,
           const std::function<void(std::span<const std::int64_t>)>& piece);

  std::int64_t size() const { return size_; }
  int times_halved() const { return times_halved_; }

 private:
  bool halve(std::size_t batch);

  std::int64_t size_;
  int times_halved_ = 0;
};

}  // namespace vlsweep
