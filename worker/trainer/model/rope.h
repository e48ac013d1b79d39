// The angles of rotary position embeddings, as transformers' LlamaRotaryEmbedding computes them.
// Belongs to a decoder and its thread.
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace vlsweep {

class RopeTable {
 public:
  // Makes sure that there are at least `positions` rows on `device`.
  void grow(std::int64_t positions, std::int64_t head_dim, double theta, at::Device device);

  at::Tensor cos, sin;  // of position * frequency, float32 [positions, D / 2]
};

}  // namespace vlsweep
