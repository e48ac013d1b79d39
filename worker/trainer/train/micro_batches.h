// A batch done in pieces that fit the memory, by one process or by the members of a gang. No
// libtorch types; belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>

namespace vlsweep {

// Whether the exception being handled says that host or device memory ran out.
bool is_out_of_memory();

// Who shares a batch: each member does its pieces of it.
struct BatchMembers {
  std::int64_t rank = 0, size = 1;
  // Whether it is so for any member: every member asks after its pieces of a batch.
  std::function<bool(bool)> any = [](bool mine) { return mine; };
};

class MicroBatches {
 public:
  explicit MicroBatches(std::int64_t size, BatchMembers members = {})
      : size_(size), members_(std::move(members)) {}

  // The pieces into which all members together cut a batch: for each member the same number of
  // them, none longer than size(); [begin, end) of piece i of `pieces` of `batch` samples. With one
  // process every piece but the last has size() samples; member r does pieces r, r + size, ...
  std::int64_t num_pieces(std::int64_t batch) const;

  // Calls `begin`, then `piece` for each of this member's pieces of the batch. When memory runs out
  // (for any member) the size is halved for good and the batch begun again: the same effective
  // batch in more pieces. At a size of one the exception goes on.
  void run(std::span<const std::int64_t> batch, const std::function<void()>& begin,
           const std::function<void(std::span<const std::int64_t>)>& piece);

  std::int64_t size() const { return size_; }
  int times_halved() const { return times_halved_; }

 private:
  bool halve(std::int64_t batch);
  std::span<const std::int64_t> piece_of(std::span<const std::int64_t> batch,
                                         std::int64_t index) const;

  std::int64_t size_;
  BatchMembers members_;
  int times_halved_ = 0;
};

}  // namespace vlsweep
