#include "worker/trainer/train/micro_batches.h"

#include <c10/util/Exception.h>

#include <algorithm>
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

bool MicroBatches::halve(std::size_t batch) {
  const std::int64_t used = std::min(size_, static_cast<std::int64_t>(batch));
  if (used <= 1) return false;
  size_ = (used + 1) / 2;
  ++times_halved_;
  return true;
}

void MicroBatches::run(std::span<const std::int64_t> batch, const std::function<void()>& begin,
                       const std::function<void(std::span<const std::int64_t>)>& piece) {
  while (true) {
    try {
      begin();
      for (std::size_t at = 0; at < batch.size(); at += static_cast<std::size_t>(size_))
        piece(batch.subspan(at, std::min(static_cast<std::size_t>(size_), batch.size() - at)));
      return;
    } catch (...) {
      if (!is_out_of_memory() || !halve(batch.size())) throw;
    }
  }
}

}  // namespace vlsweep
