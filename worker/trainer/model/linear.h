// Linear layers over rows, with the layers that read the same input fused into one matrix (q/k/v,
// gate/up), LoRA beside some or all of them, and what stands before and behind the product
// (RMSNorm, SwiGLU, the residual) in the same autograd node: the node keeps its input and makes
// the cheap steps again for the gradient.
//
// Shapes: x [N, in], y [N, out], weight [out, in]. Owned by the model; used by its one thread.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/trainer/model/pass.h"

namespace vlsweep {

// x [.., in] -> [.., out] = x weight^T + bias (undefined: none), by the fastest product there is.
at::Tensor linear_rows(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

// The low-rank update of one part of a fused linear.
struct LoraPart {
  std::size_t part = 0;  // index into FusedLinear::parts
  at::Tensor b;          // [rows of the part, rank]
};

// Low-rank updates of some parts of a fused linear: the i-th of `parts` gets scale * B_i (A_i x).
// The matrices may be float32 beside a weight in a half type; they are then rounded to x's type in
// each pass, as autocast does.
struct Lora {
  at::Tensor a;                 // [parts * rank, in]: the parts' A one below the other
  std::vector<LoraPart> parts;  // in the order of FusedLinear::parts
  std::int64_t rank = 0;
  double alpha = 0;
  bool rslora = false;       // scale by alpha / sqrt(rank)
  double dropout = 0;        // of x, every part with a mask of its own, in training only
  std::uint32_t stream = 0;  // of the masks: part p draws from stream + p

  double scale() const;
  // The i-th part's A, [rank, in], a view.
  at::Tensor a_of(std::size_t i) const {
    return a.narrow(0, static_cast<std::int64_t>(i) * rank, rank);
  }
};

// One Hugging Face linear inside a fused one: its name and its rows.
struct LinearPart {
  std::string name;  // without ".weight": "language_model.model.layers.0.self_attn.q_proj"
  std::int64_t first_row = 0;
  std::int64_t num_rows = 0;
};
inline constexpr std::size_t kMaxLinearParts = 3;  // q, k and v

// What surrounds the product in one call.
struct LinearCall {
  enum class Input {
    rows,      // x itself
    rms_norm,  // rms_norm(x, norm_weight, eps)
    swiglu,    // swiglu(x): x is [N, 2 in]
  };
  Input input = Input::rows;
  at::Tensor norm_weight;  // of rms_norm
  double eps = 0;
  at::Tensor residual;  // [N, out], added to the product; undefined: none
  bool training = false;
  DropoutKey dropout;
};

struct FusedLinear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out], or undefined
  std::vector<LinearPart> parts;
  std::optional<Lora> lora;

  at::Tensor operator()(const at::Tensor& x, const LinearCall& call) const;
  // Without anything around it; LoRA without dropout.
  at::Tensor operator()(const at::Tensor& x) const { return (*this)(x, LinearCall{}); }
};

}  // namespace vlsweep
