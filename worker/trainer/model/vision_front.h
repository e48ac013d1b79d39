// What turns an image into the decoder's embeddings: a vision tower, and a projector behind it.
// Each architecture has its own (architecture/*/).
//
// Owned by VisionLanguageModel; used by its one thread.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "worker/trainer/model/named_tensor.h"

namespace vlsweep {

class VisionFront {
 public:
  virtual ~VisionFront() = default;

  // Pixels [N, 3, S, S] of any floating type -> the tower's features [N, P, dv].
  virtual at::Tensor features(const at::Tensor& pixels) const = 0;
  // Features [.., P, dv] -> embeddings [.., P', d], P' = VisionConfig::positions.
  virtual at::Tensor project(const at::Tensor& features) const = 0;
  // Appends the tensors of tower and projector under their canonical names.
  virtual void list_tensors(std::vector<NamedTensor>& tensors) const = 0;
};

}  // namespace vlsweep
