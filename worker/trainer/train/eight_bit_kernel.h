// AdamW with its moments in 8 bits, as loops over float32 on a CPU (see eight_bit.h, which also has
// the same for other devices). No libtorch.
//
// Pure functions on the caller's memory; safe from any thread on disjoint memory.
#pragma once

#include <array>
#include <cstdint>

namespace vlsweep {

inline constexpr std::int64_t kQuantizationBlock = 256;

// 256 values in ascending order, and what finds the nearest of them at once.
struct QuantizationMap {
  explicit QuantizationMap(const std::array<float, 256>& ascending);

  std::uint8_t nearest(float x) const;

  std::array<float, 256> values;
  // Halfway from value i to the next; the last is infinite.
  std::array<float, 256> upper;
  // By a float's upper half: the code of the least float that has it. At most one border lies among
  // the floats of one entry, for each entry spans less than 1 % of its numbers.
  std::array<std::uint8_t, 65536> first;
};

struct AdamWStep {
  double lr = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  std::int64_t step = 1;  // from 1
};

// Moments of some blocks: codes [blocks * 256], absmax [blocks].
struct EightBitBlocks {
  std::uint8_t* codes;
  float* absmax;
  std::uint8_t* square_codes;
  float* square_absmax;
};

// One step of blocks * 256 values.
void step_eight_bit_blocks(std::int64_t blocks, const AdamWStep& step, const QuantizationMap& map,
                           const QuantizationMap& square_map, const EightBitBlocks& moments,
                           const float* gradients, float* values);

}  // namespace vlsweep
