#include "worker/trainer/model/rope.h"

#include <algorithm>

namespace vlsweep {

void RopeTable::grow(std::int64_t positions, std::int64_t head_dim, double theta,
                     at::Device device) {
  if (cos.defined() && cos.size(0) >= positions && cos.device() == device) return;
  positions = std::max<std::int64_t>(positions * 2, 128);
  // In float32, as transformers computes inv_freq and the angles.
  const auto options = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor exponents = at::arange(0, head_dim, 2, options) / static_cast<double>(head_dim);
  const at::Tensor frequencies = 1.0 / at::pow(theta, exponents);
  const at::Tensor angles = at::outer(at::arange(positions, options), frequencies);
  cos = angles.cos().to(device);
  sin = angles.sin().to(device);
}

}  // namespace vlsweep
