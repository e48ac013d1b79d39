// Between safetensors views and ATen tensors. Free functions for model/*.cpp; one thread per call.
#pragma once

#include <torch/torch.h>

#include <cstddef>
#include <span>
#include <string>

#include "worker/trainer/format/safetensors.h"

namespace vlsweep {

// A CPU tensor over the view's bytes (copied only where they are not aligned); read-only, valid as
// long as the file is open.
at::Tensor tensor_of(const TensorView& view);

at::ScalarType scalar_type(TensorType type);
TensorType tensor_type(at::ScalarType type);  // of a type that models are saved in

// The bytes of a contiguous CPU tensor, which must outlive them.
std::span<const std::byte> bytes_of(const at::Tensor& tensor);
// A view of a contiguous CPU tensor's bytes; the tensor must outlive it.
TensorView view_of(std::string name, const at::Tensor& tensor);

}  // namespace vlsweep
