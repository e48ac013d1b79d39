// What the float32 kernels share: e^x and sums in a form that compilers vectorize, and the
// attributes that compile a loop for the instruction sets that differ most. No libtorch.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

// The processor's own version of a VLSWEEP_VECTORIZED function is taken when it is called.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define VLSWEEP_VECTORIZED __attribute__((target_clones("avx512f", "avx2,fma", "default")))
#define VLSWEEP_INLINE inline __attribute__((always_inline))
#else
#define VLSWEEP_VECTORIZED
#define VLSWEEP_INLINE inline
#endif

namespace vlsweep {

inline constexpr std::int64_t kLanes = 16;  // floats of the widest registers

// e^x within 2 units in the last place; x is held within [-87, 88].
VLSWEEP_INLINE float exponential(float x) {
  x = std::min(std::max(x, -87.0F), 88.0F);
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number
  const float shifted = x * 1.44269504F + kRound;
  const float whole = shifted - kRound;
  const float rest = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;
  float series = 1.9875691500e-4F;
  series = series * rest + 1.3981999507e-3F;
  series = series * rest + 8.3334519073e-3F;
  series = series * rest + 4.1665795894e-2F;
  series = series * rest + 1.6666665459e-1F;
  series = series * rest + 5.0000001201e-1F;
  series = series * rest * rest + rest + 1.0F;
  const std::int32_t exponent = std::bit_cast<std::int32_t>(shifted) - 0x4b400000;
  return series * std::bit_cast<float>((exponent + 127) << 23);
}

// Sum in kLanes partial sums, so that it vectorizes.
template <class Term>
VLSWEEP_INLINE float lane_sum(std::int64_t count, Term term) {
  std::array<float, kLanes> lanes{};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      lanes[static_cast<std::size_t>(lane)] += term(i + lane);
    }
  }
  float sum = 0;
  for (; i < count; ++i) sum += term(i);
  for (const float lane : lanes) sum += lane;
  return sum;
}

}  // namespace vlsweep
