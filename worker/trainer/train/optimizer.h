// AdamW over a few flat buffers. Parameters of one learning rate, decay and type lie one behind the
// other in one tensor, their gradients and moments likewise: a step, the gradient norm, clipping
// and zeroing are then one operation each, whatever the number of parameters, and nothing is
// allocated. Matches torch.optim.AdamW(fused=True) bit for bit.
//
// In a gang each member keeps the moments of its part of the buffers alone and steps that part
// (ZeRO, Rajbhandari et al. 2020, stage 1: optimizer states are sharded; of the summed gradients
// too only the own part is used). AdamW is element-wise, so the parts together are the whole step.
//
// Belongs to one thread. The parameters stay usable after the optimizer is gone.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <vector>

#include "worker/trainer/model/vision_language_model.h"
#include "worker/trainer/parallel/process_group.h"

namespace vlsweep {

struct AdamWSettings {
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;     // of parameters that decay
  double projector_scale = 1;  // of the learning rate, for the projector's parameters
};

class FlatAdamW {
 public:
  // Moves the parameters' data into the flat buffers; their gradients accumulate there. `gang` may
  // be null; it must outlive this.
  FlatAdamW(const std::vector<TrainableParameter>& parameters, const AdamWSettings& settings,
            ProcessGroup* gang = nullptr);
  ~FlatAdamW();
  FlatAdamW(const FlatAdamW&) = delete;
  FlatAdamW& operator=(const FlatAdamW&) = delete;

  void zero_gradients();
  // Sums the gradients of a gang's members; what follows is about the sum. Nothing without a gang.
  void sum_gradients();
  // 2-norm of all gradients together, a scalar tensor.
  at::Tensor gradient_norm() const;
  // Scales all gradients by min(1, limit / (norm + 1e-6)), as clip_grad_norm_ does.
  void clip_gradients(const at::Tensor& norm, double limit);
  void step(double lr);

 private:
  struct Group {
    double lr_scale, weight_decay;
    at::Tensor values, gradients;          // flat
    at::Tensor own_values, own_gradients;  // this member's part of them; without a gang, all
    at::Tensor moments, square_moments;    // of the own part
    at::Tensor steps;                      // scalar
  };
  void add_group(const std::vector<TrainableParameter>& parameters, double lr_scale,
                 double weight_decay);

  AdamWSettings settings_;
  ProcessGroup* gang_;
  std::vector<Group> groups_;
  std::vector<at::Tensor> parameters_;
};

}  // namespace vlsweep
