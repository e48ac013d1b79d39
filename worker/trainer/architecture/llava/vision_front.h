// LLaVA's vision front: CLIP's hidden states of one layer, projected by two linears with a GELU
// between. Owned by VisionLanguageModel; used by one thread.
#pragma once

#include <memory>

#include "worker/trainer/architecture/llava/clip.h"
#include "worker/trainer/model/vision_front.h"

namespace vlsweep {

class LlavaVisionFront : public VisionFront {
 public:
  LlavaVisionFront(const ModelConfig& config, const at::TensorOptions& options);

  at::Tensor features(const at::Tensor& pixels) const override;
  at::Tensor project(const at::Tensor& features) const override;
  void list_tensors(std::vector<NamedTensor>& tensors) const override;

 private:
  LlavaVisionConfig config_;
  ClipVisionTower tower_;
  FusedLinear linear_1_, linear_2_;
};

std::unique_ptr<VisionFront> make_llava_vision_front(const ModelConfig& config,
                                                     const c10::TensorOptions& options);

}  // namespace vlsweep
