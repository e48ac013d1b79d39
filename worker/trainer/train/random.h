// Random numbers and orders that are the same on every machine and with every library version:
// what a stage trains on must not hang on how a standard library shuffles.
//
// A SplitMix64 is a value of one thread.
#pragma once

#include <cstdint>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace vlsweep {

// Steele, Lea, Flood 2014 (SplittableRandom's generator): 64 bits of state, one addition and
// two multiplications a number.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}
  // Seeded by a number and a name (FNV-1a of it), so that streams of one seed differ by purpose.
  SplitMix64(std::uint64_t seed, std::string_view name) : state_(seed) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    state_ = next() ^ hash;
  }

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  // Uniform from 0 to below `bound` (> 0), without bias: draws in the ragged end are thrown away.
  std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t ragged = (0 - bound) % bound;
    while (true)
      if (const std::uint64_t draw = next(); draw >= ragged) return draw % bound;
  }

  // Fisher-Yates.
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

  // 0 to size - 1 in a random order.
  std::vector<std::int64_t> permutation(std::size_t size) {
    std::vector<std::int64_t> order(size);
    std::iota(order.begin(), order.end(), std::int64_t{0});
    shuffle(order);
    return order;
  }

 private:
  std::uint64_t state_;
};

}  // namespace vlsweep
