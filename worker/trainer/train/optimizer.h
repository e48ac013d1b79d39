// AdamW over a few flat buffers. Parameters of one part of the model, decay and type lie one behind
// the other in one tensor, their gradients and moments likewise: a step, the gradient norm,
// clipping and zeroing are then one operation each, whatever the number of parameters, and nothing
// is allocated. Matches torch.optim.AdamW(fused=True) bit for bit.
//
// Parameters in bfloat16 or float16 have float32 masters: gradients are kept, and summed over
// micro-batches, in the parameter's type, widened for the update, and the parameter is its master
// rounded, as DeepSpeed's ZeRO does for the official scripts. With float16 among them the loss is
// scaled as torch.amp.GradScaler scales it. In 8 bits (eight_bit.h) are, as with bitsandbytes in
// transformers' Trainer, the moments of parameters of 4096 values or more that are no embedding.
//
// In a gang each member keeps the masters and moments of its part of the buffers alone and steps
// that part (ZeRO, Rajbhandari et al. 2020, stage 1; of the summed gradients too only the own part
// is used). AdamW is element-wise, so the parts together are the whole step.
//
// Belongs to one thread. The parameters stay usable after the optimizer is gone.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "worker/trainer/model/vision_language_model.h"
#include "worker/trainer/parallel/process_group.h"
#include "worker/trainer/train/eight_bit.h"

namespace vlsweep {

struct AdamWSettings {
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;  // of parameters that decay (create_optimizer of the official scripts)
  // Of the learning rate, for each part's parameters; LoRA's are the language model's.
  double language_scale = 1, projector_scale = 1, vision_scale = 1;
  bool eight_bit = false;
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
  // Scales all gradients by min(1, limit / (norm + 1e-6)), as clip_grad_norm_ does; 0: no limit.
  // With a scaled loss it is called before every step: it also takes the scale away.
  void clip_gradients(const at::Tensor& norm, double limit);
  void step(double lr);

  // What the loss is multiplied by before its backward; 1 unless a parameter is in float16.
  double loss_scale() const;
  bool scales_loss() const { return scales_loss_; }
  // In the place of a step whose gradients are not finite: halves the scale. False: it is so small
  // that the gradients are not finite for another reason.
  bool back_off();

  // All that changes from step to step, under stable names; this member's part in a gang. Writing
  // into the tensors and calling restored() brings the state back.
  std::vector<std::pair<std::string, at::Tensor>> state() const;
  void restored();

 private:
  struct Group {
    std::string name;
    double lr_scale, weight_decay;
    at::Tensor values, gradients;          // flat, in the parameters' type
    at::Tensor own_values, own_gradients;  // this member's part of them; without a gang, all
    at::Tensor masters;                    // float32 [own]; own_values itself if that is float32
    at::Tensor moments, square_moments;    // float32 [own]; undefined in 8 bits
    std::optional<EightBitMoments> eight_bit;
    at::Tensor steps;   // scalar
    at::Tensor factor;  // of the gradients when they are widened; undefined: 1

    bool has_masters() const { return !masters.is_same(own_values); }
  };
  struct Kind;
  void add_group(const Kind& kind, const std::vector<TrainableParameter>& parameters);
  void step_part(Group& group, double lr, std::int64_t first, std::int64_t count);

  AdamWSettings settings_;
  ProcessGroup* gang_;
  std::vector<Group> groups_;
  std::vector<at::Tensor> parameters_;
  bool scales_loss_ = false;
  at::Tensor scaling_;  // [2] float64 on the CPU: the loss's scale, good steps since it changed
};

}  // namespace vlsweep
