// LLaVA-1.5 (tower, projector, decoder) or its decoder alone, as one object whose tensors have
// their Hugging Face names. Matches transformers' LlavaForConditionalGeneration / LlamaForCausalLM.
//
// One owner, one thread at a time. Tensors are on `device()` in `dtype()`.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "worker/trainer/architecture/model_config.h"
#include "worker/trainer/model/llama.h"
#include "worker/trainer/model/named_tensor.h"
#include "worker/trainer/model/vision_front.h"

namespace vlsweep {

struct TrainableParameter {
  std::string name;  // of its first tensor; LoRA matrices: "...lora_A", "...lora_B"
  Part part;
  bool decays;  // false for norms and biases (weight decay groups of the official scripts)
  at::Tensor tensor;
};

// Scales of a random initialisation: linears are normal with std = gain / sqrt(inputs).
struct InitSettings {
  double linear_gain = 1.0;
  double residual_gain = 0.5;  // what writes to the residual stream: o, down, out, fc2
  double projector_in_gain = 0.1;
  double projector_out_gain = 1.0;
  double embedding_std = 0.5;
  double position_std = 0.3;  // class and position embeddings
};

class VisionLanguageModel {
 public:
  // Allocates parameters without values; load_checkpoint or make_random_model fills every one.
  // Every part is frozen at first.
  VisionLanguageModel(const ModelConfig& config, at::ScalarType dtype, at::Device device);

  const ModelConfig& config() const { return config_; }
  at::ScalarType dtype() const { return dtype_; }
  at::Device device() const { return device_; }
  at::TensorOptions options() const { return at::TensorOptions().dtype(dtype_).device(device_); }
  bool has_vision() const { return config_.vision != nullptr; }

  // Pixels [N, 3, H, W] float32 -> the tower's features [N, P, dv]. Without gradient.
  at::Tensor image_features(const at::Tensor& pixels) const;
  // The same with gradient, for training a tower.
  at::Tensor tower_features(const at::Tensor& pixels) const;
  // Features [.., dv] -> embeddings [.., d].
  at::Tensor project(const at::Tensor& features) const;
  // Token embeddings [B, T, d] of ids [B, T] (int64); the k-th image_token in row-major order is
  // replaced by row k of `projected` [K, d] (or [N, P, d]; undefined when there is none). Their
  // numbers must agree.
  at::Tensor embed(const at::Tensor& ids, const at::Tensor& projected) const;
  // Embeddings [B, T, d] -> normed hidden states [B, T, d]: every sequence
  // begins at position 0, so that batches padded on the right need no mask.
  at::Tensor decode(const at::Tensor& embeddings) const;
  // Sequences packed without padding: embeddings [N, d], lengths that sum to N -> [N, d]; see
  // LlamaDecoder::decode_packed. Embeddings of packed ids: embed(ids [1, N], projected).squeeze(0).
  // With `chosen` (int64 [K]) only those rows come back, [K, d]: what the loss is computed on.
  at::Tensor decode_packed(const at::Tensor& embeddings,
                           std::span<const std::int64_t> sequence_lengths,
                           const at::Tensor& chosen = {}) const;
  // Hidden rows [.., d] -> logits [.., vocabulary] in the model's dtype. Select rows first.
  at::Tensor logits(const at::Tensor& hidden) const;

  // scale * the sum of the cross-entropies of hidden rows [K, d] against targets [K]; see
  // head_cross_entropy.
  at::Tensor loss(const at::Tensor& hidden, const at::Tensor& targets, double scale) const;

  // LoRA dropout acts only in training mode.
  void set_training(bool training) { pass_.training = training; }
  bool training() const { return pass_.training; }
  // The masks of the next passes; to be set before every micro-batch.
  void set_dropout_key(const DropoutKey& key) { pass_.dropout = key; }
  // Activation checkpointing of the decoder: DecoderPass::recompute_every.
  void set_recompute_every(std::int64_t layers) { pass_.recompute_every = layers; }

  void set_trainable(Part part, bool trainable);
  // Parameters that require gradients: fused ones once, tied ones once, LoRA's included.
  std::vector<TrainableParameter> trainable_parameters() const;
  // All tensors of the checkpoint (not LoRA's), in a fixed order.
  std::vector<NamedTensor> named_tensors() const;
  // The language model's linears, those that LoRA attaches to.
  std::vector<FusedLinear*> language_linears();
  std::vector<const FusedLinear*> language_linears() const;
  bool has_lora() const;

  LlamaDecoder language_model;

 private:
  ModelConfig config_;
  at::ScalarType dtype_;
  at::Device device_;
  std::unique_ptr<VisionFront> vision_;
  DecoderPass pass_;
};

// A new model with seeded random weights (float32), for the micro-world's pretraining. The same
// seed gives the same bits on every CPU.
std::unique_ptr<VisionLanguageModel> make_random_model(const ModelConfig& config,
                                                       std::uint64_t seed,
                                                       const InitSettings& settings,
                                                       at::Device device = at::kCPU);

}  // namespace vlsweep
