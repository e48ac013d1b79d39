// Dropout whose masks are drawn again from their key rather than kept: element i of a stream is
// kept or not by a counter-based generator (Philox4x32-10, Salmon et al. 2011) of the key, the
// stream and i alone. On a CPU the bits are the same on every machine; a GPU draws from its own
// Philox, seeded by the same key.
//
// Free functions; safe from any thread on tensors of its own.
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "worker/trainer/model/pass.h"

namespace vlsweep {

// One mask: which elements of a tensor are zeroed, with what probability (a multiple of 2^-16).
struct DropoutMask {
  DropoutKey key;
  std::uint32_t stream = 0;  // a linear of the model
  double probability = 0;

  // x with its dropped elements zero and the others divided by 1 - probability.
  at::Tensor apply(const at::Tensor& x) const;
  // target += apply(x).
  void add_applied(at::Tensor& target, const at::Tensor& x) const;
};

}  // namespace vlsweep
