#include "worker/trainer/train/micro_batches.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <exception>
#include <new>
#include <string_view>

namespace vlsweep {

bool is_out_of_memory() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return true;
  } catch (const c10::OutOfMemoryError&) {
    return true;
  } catch (const c10::Error& error) {
    // libtorch's CPU allocator throws a plain Error.
    return std::string_view(error.what()).contains("DefaultCPUAllocator");
  } catch (...) {
    return false;
  }
}

std::int64_t MicroBatches::num_pieces(std::int64_t batch) const {
  const std::int64_t each = (batch + members_.size - 1) / members_.size;
  return (each + size_ - 1) / size_ * members_.size;
}

// With one process: every piece full but the last. With more: all of about one length, so that none
// waits for another; where the batch divides, the same pieces as one process makes.
std::span<const std::int64_t> MicroBatches::piece_of(std::span<const std::int64_t> batch,
                                                     std::int64_t index) const {
  const auto length = static_cast<std::int64_t>(batch.size());
  const std::int64_t pieces = num_pieces(length);
  const auto place = [&](std::int64_t i) {
    return static_cast<std::size_t>(members_.size == 1 ? std::min(i * size_, length)
                                                       : i * length / pieces);
  };
  return batch.subspan(place(index), place(index + 1) - place(index));
}

bool MicroBatches::halve(std::int64_t batch) {
  const std::int64_t each = (batch + members_.size - 1) / members_.size;
  const std::int64_t used = std::min(size_, each);
  if (used <= 1) return false;
  size_ = (used + 1) / 2;
  ++times_halved_;
  return true;
}

void MicroBatches::run(std::span<const std::int64_t> batch, const std::function<void()>& begin,
                       const std::function<void(std::span<const std::int64_t>)>& piece) {
  const auto length = static_cast<std::int64_t>(batch.size());
  while (true) {
    std::exception_ptr exhausted;
    try {
      begin();
      for (std::int64_t i = members_.rank; i < num_pieces(length); i += members_.size)
        if (const auto samples = piece_of(batch, i); !samples.empty()) piece(samples);
    } catch (...) {
      if (!is_out_of_memory()) throw;
      exhausted = std::current_exception();
    }
    if (!members_.any(exhausted != nullptr)) return;
    if (halve(length)) continue;
    if (exhausted) std::rethrow_exception(exhausted);
    throw std::bad_alloc();  // of another member
  }
}

}  // namespace vlsweep
