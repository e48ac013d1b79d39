#include "worker/trainer/model/llama.h"

#include <algorithm>
#include <memory>

#include "worker/trainer/model/attention.h"
#include "worker/trainer/model/kernels.h"
#include "worker/trainer/model/recompute.h"

namespace vlsweep {

const RopeTable& LlamaDecoder::rope(std::int64_t positions, at::Device device) const {
  rope_.grow(positions, config_.head_dim, config_.rope_theta, device);
  return rope_;
}

// The parameters with gradients that a layer reads.
std::vector<at::Tensor> LlamaLayer::trainable() const {
  std::vector<at::Tensor> tensors;
  const auto add = [&](const at::Tensor& tensor) {
    if (tensor.defined() && tensor.requires_grad()) tensors.push_back(tensor);
  };
  add(input_norm);
  add(post_attention_norm);
  for (const FusedLinear* linear : {&qkv, &o, &gate_up, &down}) {
    add(linear->weight);
    add(linear->bias);
    if (!linear->lora) continue;
    add(linear->lora->a);
    for (const LoraPart& part : linear->lora->parts) add(part.b);
  }
  return tensors;
}

at::Tensor LlamaDecoder::run_layer(const LlamaLayer& layer, const at::Tensor& x,
                                   const PackedSequences& sequences, const DecoderPass& pass,
                                   const at::Tensor& chosen) const {
  LinearCall plain;
  plain.training = pass.training;
  plain.dropout = pass.dropout;
  const auto after_norm = [&](const at::Tensor& weight) {
    LinearCall call = plain;
    call.input = LinearCall::Input::rms_norm;
    call.norm_weight = weight;
    call.eps = config_.rms_norm_eps;
    return call;
  };
  const auto onto = [&](const at::Tensor& residual, LinearCall::Input input) {
    LinearCall call = plain;
    call.input = input;
    call.residual = residual;
    return call;
  };
  at::Tensor attended = packed_attention(layer.qkv(x, after_norm(layer.input_norm)), sequences,
                                         config_.num_heads, config_.head_dim);
  at::Tensor residual = x;
  if (chosen.defined()) {
    attended = attended.index_select(0, chosen);
    residual = residual.index_select(0, chosen);
  }
  const at::Tensor y = layer.o(attended, onto(residual, LinearCall::Input::rows));
  const at::Tensor gate_up = layer.gate_up(y, after_norm(layer.post_attention_norm));
  return layer.down(gate_up, onto(y, LinearCall::Input::swiglu));
}

at::Tensor LlamaDecoder::decode_packed(const at::Tensor& embeddings,
                                       std::span<const std::int64_t> sequence_lengths,
                                       const DecoderPass& pass, const at::Tensor& chosen) const {
  const std::int64_t longest =
      sequence_lengths.empty() ? 0 : *std::ranges::max_element(sequence_lengths);
  const RopeTable& table = rope(longest, embeddings.device());
  const auto sequences = std::make_shared<const PackedSequences>(
      sequence_lengths, table.cos, table.sin, embeddings.scalar_type());
  TORCH_CHECK(sequences->rows == embeddings.size(0), "sequences of ", sequences->rows,
              " positions, but embeddings of ", embeddings.size(0));
  at::Tensor x = embeddings;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const at::Tensor rows = i + 1 == layers.size() ? chosen : at::Tensor();
    const auto body = [this, i, sequences, pass, rows](const at::Tensor& input) {
      return run_layer(layers[i], input, *sequences, pass, rows);
    };
    const std::int64_t every = pass.recompute_every;
    const bool again = every > 0 && static_cast<std::int64_t>(i) % every == 0;
    x = again ? recomputed(body, x, layers[i].trainable()) : body(x);
  }
  return rms_norm(x, norm, config_.rms_norm_eps);
}

}  // namespace vlsweep
