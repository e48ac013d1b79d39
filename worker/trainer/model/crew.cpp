#include "worker/trainer/model/crew.h"

#include <algorithm>
#include <limits>

namespace vlsweep {
namespace {

constexpr std::uint32_t kClosed = std::numeric_limits<std::uint32_t>::max();
// Multiplications that are worth a piece of their own, and pieces for each thread: enough that one
// which is held up leaves the rest to the others.
constexpr std::int64_t kPieceCost = 500'000;
constexpr std::int64_t kPiecesPerThread = 4;
// How often an idle thread looks before it sleeps: some tens of microseconds.
constexpr int kLooks = 4000;

std::uint64_t pack(std::uint64_t loop, std::uint32_t index) { return loop << 32 | index; }

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

Crew& Crew::shared() {
  static Crew crew;
  return crew;
}

Crew::~Crew() {
  leaving_ = true;
  ++calls_;
  calls_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void Crew::hire(int helpers) {
  wanted_ = helpers;
  while (std::ssize(helpers_) < helpers) {
    helpers_.emplace_back([this, number = static_cast<int>(helpers_.size()), seen = calls_.load()] {
      help(number, seen);
    });
  }
}

void Crew::help(int number, std::uint32_t seen) {
  while (!leaving_) {
    while (number < wanted_ && take_piece()) {
    }
    int looks = 0;
    while (calls_.load(std::memory_order_acquire) == seen && looks < kLooks) {
      pause_briefly();
      ++looks;
    }
    calls_.wait(seen);
    seen = calls_.load();
  }
}

void Crew::do_piece(const std::function<void(std::int64_t)>& piece, std::int64_t index) {
  try {
    piece(index);
  } catch (...) {
    const std::lock_guard lock(failing_);
    if (!failure_) failure_ = std::current_exception();
  }
  done_.fetch_add(1, std::memory_order_release);
}

// Takes the next piece of the loop in progress, if there is one, and does it.
bool Crew::take_piece() {
  std::uint64_t next = next_.load(std::memory_order_acquire);
  while (true) {
    const auto index = static_cast<std::uint32_t>(next);
    const auto* piece = piece_.load(std::memory_order_acquire);
    if (index == kClosed || index >= count_.load(std::memory_order_acquire)) return false;
    // If the loop has ended since, its number has changed and this fails.
    if (next_.compare_exchange_weak(next, next + 1, std::memory_order_acq_rel)) {
      do_piece(*piece, index);
      return true;
    }
  }
}

void Crew::run(std::int64_t count, int threads, const std::function<void(std::int64_t)>& piece) {
  const std::unique_lock lock(running_, std::try_to_lock);
  if (count <= 1 || threads <= 1 || count >= kClosed || !lock.owns_lock()) {
    for (std::int64_t i = 0; i < count; ++i) piece(i);
    return;
  }
  hire(threads - 1);
  const std::uint64_t loop = (next_.load() >> 32) + 1;
  failure_ = nullptr;
  piece_.store(&piece);
  count_.store(static_cast<std::uint32_t>(count));
  done_.store(0);
  next_.store(pack(loop, 0), std::memory_order_release);
  ++calls_;
  calls_.notify_all();
  while (take_piece()) {
  }
  int looks = 0;
  while (done_.load(std::memory_order_acquire) < static_cast<std::uint32_t>(count)) {
    // A helper in the middle of a piece may be waiting for this very core.
    ++looks < kLooks ? pause_briefly() : std::this_thread::yield();
  }
  next_.store(pack(loop, kClosed), std::memory_order_release);
  if (failure_) std::rethrow_exception(failure_);
}

void in_parallel(std::int64_t size, std::int64_t cost, int threads,
                 const std::function<void(std::int64_t, std::int64_t)>& work) {
  const std::int64_t pieces =
      std::min({size, threads * kPiecesPerThread, size * cost / kPieceCost});
  if (pieces <= 1 || threads <= 1) {
    if (size > 0) work(0, size);
    return;
  }
  Crew::shared().run(pieces, threads,
                     [&](std::int64_t i) { work(size * i / pieces, size * (i + 1) / pieces); });
}

}  // namespace vlsweep
