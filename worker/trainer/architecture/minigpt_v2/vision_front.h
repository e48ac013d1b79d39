// MiniGPT-v2's vision front: EVA's states without the class token's, neighbours side by side, and
// one linear. Owned by VisionLanguageModel; used by one thread.
#pragma once

#include <memory>
#include <vector>

#include "worker/trainer/architecture/minigpt_v2/eva.h"
#include "worker/trainer/model/vision_front.h"

namespace vlsweep {

class MiniGptVisionFront : public VisionFront {
 public:
  MiniGptVisionFront(const ModelConfig& config, const at::TensorOptions& options);

  // [N, patches / 4, 4 d]: a feature is four consecutive patches' states.
  at::Tensor features(const at::Tensor& pixels) const override;
  at::Tensor project(const at::Tensor& features) const override;
  void list_tensors(std::vector<NamedTensor>& tensors) const override;

 private:
  MiniGptVisionConfig config_;
  EvaVisionTower tower_;
  FusedLinear projection_;
};

std::unique_ptr<VisionFront> make_minigpt_vision_front(const ModelConfig& config,
                                                       const c10::TensorOptions& options);

}  // namespace vlsweep
