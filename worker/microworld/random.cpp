#include "worker/microworld/random.h"

namespace vlsweep {

Random::Random(std::uint64_t seed, std::string_view stream) : state_(0xCBF29CE484222325U) {
  for (const char c : stream) {  // FNV-1a
    state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  }
  state_ ^= seed * 0x9E3779B97F4A7C15U;
  state_ = next();
}

std::uint64_t Random::next() {
  state_ += 0x9E3779B97F4A7C15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

std::size_t Random::below(std::size_t n) {
  const std::uint64_t unfair = (0 - std::uint64_t{n}) % n;  // draws below it are drawn again
  std::uint64_t draw = next();
  while (draw < unfair) draw = next();
  return static_cast<std::size_t>(draw % n);
}

int Random::between(int low, int high) {
  return low + static_cast<int>(below(static_cast<std::size_t>(high - low + 1)));
}

}  // namespace vlsweep
