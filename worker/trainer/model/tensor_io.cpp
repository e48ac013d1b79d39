#include "worker/trainer/model/tensor_io.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace vlsweep {

at::ScalarType scalar_type(TensorType type) {
  switch (type) {
    case TensorType::f64:
      return at::kDouble;
    case TensorType::f32:
      return at::kFloat;
    case TensorType::f16:
      return at::kHalf;
    case TensorType::bf16:
      return at::kBFloat16;
    case TensorType::i64:
      return at::kLong;
    case TensorType::i32:
      return at::kInt;
    case TensorType::i16:
      return at::kShort;
    case TensorType::i8:
      return at::kChar;
    case TensorType::u8:
      return at::kByte;
    case TensorType::boolean:
      return at::kBool;
  }
  return at::kByte;
}

TensorType tensor_type(at::ScalarType type) {
  switch (type) {
    case at::kBFloat16:
      return TensorType::bf16;
    case at::kHalf:
      return TensorType::f16;
    case at::kDouble:
      return TensorType::f64;
    case at::kLong:
      return TensorType::i64;
    case at::kByte:
      return TensorType::u8;
    default:
      TORCH_CHECK(type == at::kFloat, "tensors of ", type, " are not written");
      return TensorType::f32;
  }
}

at::Tensor tensor_of(const TensorView& view) {
  const at::ScalarType type = scalar_type(view.type);
  const auto address = reinterpret_cast<std::uintptr_t>(view.bytes.data());
  if (view.bytes.empty()) return at::empty(view.shape, type);
  auto* data = const_cast<std::byte*>(view.bytes.data());
  if (address % size_of(view.type) == 0) return at::from_blob(data, view.shape, type);
  at::Tensor copy = at::empty(view.shape, type);
  std::copy(view.bytes.begin(), view.bytes.end(), static_cast<std::byte*>(copy.mutable_data_ptr()));
  return copy;
}

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()};
}

TensorView view_of(std::string name, const at::Tensor& tensor) {
  TensorView view;
  view.name = std::move(name);
  view.type = tensor_type(tensor.scalar_type());
  view.shape = tensor.sizes().vec();
  view.bytes = bytes_of(tensor);
  return view;
}

}  // namespace vlsweep
