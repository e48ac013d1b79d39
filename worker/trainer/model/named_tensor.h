// Parameters and their names in a checkpoint, and how they are allocated.
//
// Plain values of the model's one thread.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/trainer/model/linear.h"

namespace vlsweep {

enum class Part { vision_tower, projector, language_model };

// One tensor of the checkpoint: rows [first_row, first_row + num_rows) of a parameter. Parameters
// may be fused (q/k/v); view() is the named tensor itself and shares the parameter's memory.
struct NamedTensor {
  std::string name;  // canonical (architecture/architecture.h)
  Part part;
  at::Tensor parameter;
  std::int64_t first_row = 0;
  std::int64_t num_rows = 0;  // all rows when the parameter is not fused

  at::Tensor view() const { return parameter.narrow(0, first_row, num_rows); }
};

// Collects a part's tensors under their names.
struct TensorListing {
  Part part;
  std::vector<NamedTensor>& tensors;

  void whole(const std::string& name, const at::Tensor& tensor) {
    tensors.push_back({name, part, tensor, 0, tensor.size(0)});
  }
  void linear(const FusedLinear& linear) {
    for (const LinearPart& piece : linear.parts) {
      tensors.push_back(
          {piece.name + ".weight", part, linear.weight, piece.first_row, piece.num_rows});
      if (!linear.bias.defined()) continue;
      tensors.push_back({piece.name + ".bias", part, linear.bias, piece.first_row, piece.num_rows});
    }
  }
};

// Allocates parameters of one dtype and device, without values: memory that a loader does not fill
// is never touched.
struct ParameterAllocator {
  at::TensorOptions options;

  at::Tensor vector(std::int64_t size) const { return at::empty({size}, options); }
  at::Tensor matrix(std::int64_t rows, std::int64_t columns) const {
    return at::empty({rows, columns}, options);
  }
  // A fused linear whose parts have the given rows each.
  FusedLinear linear(const std::string& prefix,
                     const std::vector<std::pair<std::string_view, std::int64_t>>& parts,
                     std::int64_t inputs, bool biased) const {
    FusedLinear linear;
    std::int64_t rows = 0;
    for (const auto& [name, num_rows] : parts) {
      linear.parts.push_back({std::string(prefix).append(name), rows, num_rows});
      rows += num_rows;
    }
    linear.weight = matrix(rows, inputs);
    if (biased) linear.bias = vector(rows);
    return linear;
  }
};

}  // namespace vlsweep
