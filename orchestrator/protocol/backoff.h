// How long to sleep between two looks at something that cannot be waited for (MPI_Iprobe): no sleep
// while there is work, then from 20 microseconds doubling to 2 milliseconds, so that rest costs
// nothing and the first message after work is seen at once.
//
// A value of one thread.
#pragma once

#include <algorithm>
#include <chrono>

namespace vlsweep {

class Backoff {
 public:
  using Duration = std::chrono::microseconds;
  static constexpr Duration kFirst{20};
  static constexpr Duration kLongest{2000};

  // Something happened: the next pause is the shortest again.
  void reset() { next_ = kFirst; }
  // The pause to make now, at most `limit`; each is twice the one before.
  Duration next(Duration limit = kLongest) {
    const Duration pause = std::min(next_, limit);
    next_ = std::min(next_ * 2, kLongest);
    return pause;
  }

 private:
  Duration next_ = kFirst;
};

}  // namespace vlsweep
