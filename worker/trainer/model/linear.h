// Linear layers over rows, with the layers that read the same input fused into one matrix (q/k/v,
// gate/up), and LoRA beside them.
//
// Shapes: x [N, in], y [N, out], weight [out, in]. Owned by the model; used by its one thread.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vlsweep {

// x [.., in] -> [.., out] = x weight^T + bias (undefined: none), by the fastest product there is.
at::Tensor linear_rows(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

// Low-rank updates of the parts of one fused linear: part i's rows get scale * B_i (A_i x).
struct Lora {
  at::Tensor a;               // [parts * rank, in]: the parts' A one below the other
  std::vector<at::Tensor> b;  // part i: [out_i, rank]
  double scale = 1;           // alpha / rank
  double dropout = 0;         // of x, one mask for all parts, in training only
};

// One Hugging Face linear inside a fused one: its name and its rows.
struct LinearPart {
  std::string name;  // without ".weight": "language_model.model.layers.0.self_attn.q_proj"
  std::int64_t first_row = 0;
  std::int64_t num_rows = 0;
};

struct FusedLinear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out], or undefined
  std::vector<LinearPart> parts;
  std::optional<Lora> lora;

  // x [N, in] -> [N, out].
  at::Tensor operator()(const at::Tensor& x, bool training) const;
};

}  // namespace vlsweep
