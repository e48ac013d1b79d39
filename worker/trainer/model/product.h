// Matrix products by the fastest kernel there is; without autograd. Free functions; one thread per
// call.
#pragma once

#include <torch/torch.h>

namespace vlsweep {

// x [N, in] times weight [out, in] transposed, plus bias [out] where it is defined and not empty.
// Each of the two is contiguous or the transpose of such a tensor.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

}  // namespace vlsweep
