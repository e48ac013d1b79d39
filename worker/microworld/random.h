// The world's random numbers: SplitMix64 with its own draws, because the standard library's
// distributions and shuffles differ from one implementation to the next and a world must be the
// same byte for byte wherever it is generated.
//
// One owner, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace vlsweep {

class Random {
 public:
  // A stream of its own for each (seed, name): one data set grown does not change another.
  Random(std::uint64_t seed, std::string_view stream);

  std::uint64_t next();
  // 0 .. n - 1, each equally likely; n > 0.
  std::size_t below(std::size_t n);
  // low .. high, both included.
  int between(int low, int high);
  // [0, 1) in steps of 2^-53.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  bool chance(double probability) { return uniform() < probability; }

  template <class T>
  const T& pick(std::span<const T> from) {
    return from[below(from.size())];
  }
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace vlsweep
