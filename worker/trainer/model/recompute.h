// Activation checkpointing (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"): a
// function whose inner results are not kept but computed again for the gradient. One thread at a
// time.
#pragma once

#include <torch/torch.h>

#include <functional>

namespace vlsweep {

// body(x), keeping x alone. `parameters` are the tensors with gradients that body reads beside x;
// body must compute the same bits again (dropout from its key), and what it captures must live
// until the gradient is computed. Values and gradients equal body(x)'s bit for bit.
at::Tensor recomputed(const std::function<at::Tensor(const at::Tensor&)>& body, const at::Tensor& x,
                      const std::vector<at::Tensor>& parameters);

}  // namespace vlsweep
