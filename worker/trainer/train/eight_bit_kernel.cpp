#include "worker/trainer/train/eight_bit_kernel.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define VLSWEEP_VECTORIZED __attribute__((target_clones("avx512f", "avx2,fma", "default")))
#else
#define VLSWEEP_VECTORIZED
#endif

namespace vlsweep {
namespace {

constexpr std::size_t kBlock = kQuantizationBlock;
constexpr std::size_t kLanes = 16;  // floats of the widest registers
using Block = std::array<float, kBlock>;

std::uint32_t upper_half(float x) { return std::bit_cast<std::uint32_t>(x) >> 16; }

// The scalars of a step in float32, as ATen's operations take them.
struct Scalars {
  explicit Scalars(const AdamWStep& step)
      : keep(static_cast<float>(1 - step.lr * step.weight_decay)),
        beta1(static_cast<float>(step.beta1)),
        rest1(static_cast<float>(1 - step.beta1)),
        beta2(static_cast<float>(step.beta2)),
        rest2(static_cast<float>(1 - step.beta2)),
        root(static_cast<float>(
            std::sqrt(1 - std::pow(step.beta2, static_cast<double>(step.step))))),
        epsilon(static_cast<float>(step.epsilon)),
        rate(static_cast<float>(-step.lr /
                                (1 - std::pow(step.beta1, static_cast<double>(step.step))))) {}
  float keep, beta1, rest1, beta2, rest2, root, epsilon, rate;
};

VLSWEEP_VECTORIZED
void update(const Scalars& by, const float* gradients, Block& moments, Block& squares,
            float* values) {
  for (std::size_t i = 0; i < kBlock; ++i) {
    const float g = gradients[i];
    const float m = moments[i] * by.beta1 + g * by.rest1;
    const float v = squares[i] * by.beta2 + g * g * by.rest2;
    values[i] = values[i] * by.keep + by.rate * m / (std::sqrt(v) / by.root + by.epsilon);
    moments[i] = m;
    squares[i] = v;
  }
}

// In kLanes partial maxima, so that it vectorizes.
VLSWEEP_VECTORIZED
float largest_magnitude(const Block& x) {
  std::array<float, kLanes> lanes{};
  for (std::size_t i = 0; i < kBlock; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float magnitude = std::abs(x[i + lane]);
      lanes[lane] = magnitude > lanes[lane] ? magnitude : lanes[lane];
    }
  return *std::max_element(lanes.begin(), lanes.end());
}

void restore(const QuantizationMap& map, const std::uint8_t* codes, float absmax, Block& x) {
  for (std::size_t i = 0; i < kBlock; ++i) x[i] = map.values[codes[i]] * absmax;
}

void quantize(const QuantizationMap& map, const Block& x, std::uint8_t* codes, float* absmax) {
  const float largest = largest_magnitude(x);
  *absmax = largest == 0 ? 1 : largest;
  for (std::size_t i = 0; i < kBlock; ++i) codes[i] = map.nearest(x[i] / *absmax);
}

}  // namespace

QuantizationMap::QuantizationMap(const std::array<float, 256>& ascending) : values(ascending) {
  for (std::size_t i = 0; i + 1 < values.size(); ++i) upper[i] = (values[i] + values[i + 1]) / 2;
  upper.back() = std::numeric_limits<float>::infinity();
  for (std::uint32_t half = 0; half < first.size(); ++half) {
    // Of negative floats the least is the one with all lower bits set.
    const bool negative = half >= 0x8000U;
    const float least = std::bit_cast<float>((half << 16) | (negative ? 0xFFFFU : 0U));
    const auto border = std::ranges::find_if(upper, [&](float each) { return !(least > each); });
    first[half] = static_cast<std::uint8_t>(std::min<std::ptrdiff_t>(border - upper.begin(), 255));
  }
}

std::uint8_t QuantizationMap::nearest(float x) const {
  const std::uint8_t code = first[upper_half(x)];
  return static_cast<std::uint8_t>(code + (x > upper[code] ? 1 : 0));
}

void step_eight_bit_blocks(std::int64_t blocks, const AdamWStep& step, const QuantizationMap& map,
                           const QuantizationMap& square_map, const EightBitBlocks& moments,
                           const float* gradients, float* values) {
  const Scalars by(step);
  Block first_moments, square_moments;
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::int64_t at = block * kQuantizationBlock;
    restore(map, moments.codes + at, moments.absmax[block], first_moments);
    restore(square_map, moments.square_codes + at, moments.square_absmax[block], square_moments);
    update(by, gradients + at, first_moments, square_moments, values + at);
    quantize(map, first_moments, moments.codes + at, moments.absmax + block);
    quantize(square_map, square_moments, moments.square_codes + at, moments.square_absmax + block);
  }
}

}  // namespace vlsweep
