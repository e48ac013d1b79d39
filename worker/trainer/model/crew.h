// Threads that help with a loop of many short pieces. The caller takes pieces too and waits only
// for those that a helper has begun, so that a helper which the machine does not run right now
// delays nothing: decoding has hundreds of such loops a token, and on a busy machine a barrier at
// each would cost more than the arithmetic. No libtorch.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace vlsweep {

class Crew {
 public:
  // The process's own; its threads begin when they are first needed and sleep when idle.
  static Crew& shared();
  Crew() = default;
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew();

  // Calls piece(0) ... piece(count - 1), each once, in up to `threads` threads, this one among
  // them, and returns when all are done. An exception of a piece is thrown again here. Safe from
  // any thread; a second caller at the same time does its pieces alone.
  void run(std::int64_t count, int threads, const std::function<void(std::int64_t)>& piece);

 private:
  void help(int number, std::uint32_t seen);
  bool take_piece();
  void do_piece(const std::function<void(std::int64_t)>& piece, std::int64_t index);
  void hire(int helpers);

  std::mutex running_;  // held by the caller of run()
  std::vector<std::thread> helpers_;
  // The loop in progress. Its members change only while `next_` is closed: who takes a piece has
  // seen those of the loop that the piece belongs to.
  std::atomic<const std::function<void(std::int64_t)>*> piece_ = nullptr;
  std::atomic<std::uint32_t> count_ = 0;
  std::atomic<std::uint64_t> next_ = 0;  // number of the loop, then the next piece's index
  std::atomic<std::uint32_t> done_ = 0;
  std::atomic<int> wanted_ = 0;           // helpers that may take part
  std::atomic<std::uint32_t> calls_ = 0;  // changes when there is work, and at the end
  std::atomic<bool> leaving_ = false;
  std::mutex failing_;
  std::exception_ptr failure_;
};

// Calls work(begin, end) for parts of 0 ... size - 1 in up to `threads` threads, if `cost` (about
// one multiplication each) of every item makes that worth while.
void in_parallel(std::int64_t size, std::int64_t cost, int threads,
                 const std::function<void(std::int64_t, std::int64_t)>& work);

}  // namespace vlsweep
