// What one forward pass of the decoder is told beside its inputs. Plain values.
#pragma once

#include <cstdint>

namespace vlsweep {

// Which dropout masks a pass draws: the same key draws the same masks, on every run and when a
// layer is computed again for its gradient. Nothing of a mask is kept between the two.
struct DropoutKey {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;         // optimiser steps done
  std::uint32_t micro_batch = 0;  // of the step
};

struct DecoderPass {
  bool training = false;  // dropout acts
  DropoutKey dropout;
  // Layers that keep only their input and are computed again for the gradient: 0 none, 1 all, k the
  // layers 0, k, 2 k, ...
  std::int64_t recompute_every = 0;
};

}  // namespace vlsweep
