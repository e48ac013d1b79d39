// AdamW with both moments in 8 bits: bitsandbytes' block-wise dynamic quantisation (Dettmers et al.
// 2022), blocks of 256 values with their largest magnitude, codes into a map of 256 values. Matches
// optimizer_update_8bit_blockwise_pytorch of bitsandbytes 0.50 (backends/triton/kernels_optim.py).
//
// Belongs to one thread.
#pragma once

#include <torch/torch.h>

#include "worker/trainer/train/eight_bit_kernel.h"

namespace vlsweep {

// bitsandbytes keeps the moments of smaller parameters in float32 (min_8bit_size).
inline constexpr std::int64_t kLeastEightBitSize = 4096;

// bitsandbytes' create_dynamic_map(signed, 7, 8): [256] float32 on the CPU.
at::Tensor dynamic_map(bool is_signed);

struct EightBitMoments {
  // All zero: of `size` values, a multiple of 256.
  EightBitMoments(std::int64_t size, at::Device device);

  at::Tensor codes, square_codes;    // [size] uint8
  at::Tensor absmax, square_absmax;  // [size / 256] float32
};

// One step of values [n] by gradients [n], float32, contiguous, n a multiple of 256; of the moments
// those from value `first` on. On a CPU in loops of our own, elsewhere by ATen's operations.
void step_eight_bit(const AdamWStep& step, const EightBitMoments& moments, std::int64_t first,
                    const at::Tensor& gradients, const at::Tensor& values);
// The same by ATen's operations on every device.
void step_eight_bit_by_aten(const AdamWStep& step, const EightBitMoments& moments,
                            std::int64_t first, const at::Tensor& gradients,
                            const at::Tensor& values);

}  // namespace vlsweep
