#include "worker/trainer/model/vision_language_model.h"

#include <algorithm>
#include <utility>

#include "worker/trainer/architecture/architecture.h"
#include "worker/trainer/model/cross_entropy.h"

namespace vlsweep {
namespace {

LlamaDecoder make_decoder(const LlamaConfig& config, const ParameterAllocator& make) {
  LlamaDecoder decoder(config);
  const std::int64_t d = config.hidden_size, f = config.intermediate_size;
  const std::int64_t q = config.num_heads * config.head_dim;
  const std::int64_t kv = config.num_kv_heads * config.head_dim;
  decoder.embed_tokens = make.matrix(config.vocab_size, d);
  decoder.lm_head =
      config.tie_word_embeddings ? decoder.embed_tokens : make.matrix(config.vocab_size, d);
  decoder.norm = make.vector(d);
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    const std::string prefix = "language_model.model.layers." + std::to_string(i) + ".";
    const std::string attention = prefix + "self_attn.";
    LlamaLayer layer;
    layer.input_norm = make.vector(d);
    layer.post_attention_norm = make.vector(d);
    layer.qkv = make.linear(attention, {{"q_proj", q}, {"k_proj", kv}, {"v_proj", kv}}, d, false);
    layer.o = make.linear(attention, {{"o_proj", d}}, q, false);
    layer.gate_up = make.linear(prefix + "mlp.", {{"gate_proj", f}, {"up_proj", f}}, d, false);
    layer.down = make.linear(prefix + "mlp.", {{"down_proj", d}}, f, false);
    decoder.layers.push_back(std::move(layer));
  }
  return decoder;
}

void list_decoder(const LlamaDecoder& decoder, bool tied, TensorListing list) {
  const std::string prefix = "language_model.model.";
  list.whole(prefix + "embed_tokens.weight", decoder.embed_tokens);
  for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
    const LlamaLayer& layer = decoder.layers[i];
    const std::string name = prefix + "layers." + std::to_string(i) + ".";
    list.whole(name + "input_layernorm.weight", layer.input_norm);
    list.linear(layer.qkv);
    list.linear(layer.o);
    list.whole(name + "post_attention_layernorm.weight", layer.post_attention_norm);
    list.linear(layer.gate_up);
    list.linear(layer.down);
  }
  list.whole(prefix + "norm.weight", decoder.norm);
  if (!tied) list.whole("language_model.lm_head.weight", decoder.lm_head);
}

bool decays(const std::string& name) {
  return !name.ends_with(".bias") && name.find("norm") == std::string::npos;
}

template <class Model, class Linear>
std::vector<Linear*> linears_of(Model& model) {
  std::vector<Linear*> linears;
  for (auto& layer : model.language_model.layers) {
    for (Linear* linear : {&layer.qkv, &layer.o, &layer.gate_up, &layer.down}) {
      linears.push_back(linear);
    }
  }
  return linears;
}

}  // namespace

VisionLanguageModel::VisionLanguageModel(const ModelConfig& config, at::ScalarType dtype,
                                         at::Device device)
    : language_model(make_decoder(
          config.text, ParameterAllocator{at::TensorOptions().dtype(dtype).device(device)})),
      config_(config),
      dtype_(dtype),
      device_(device) {
  if (config.vision) vision_ = config.architecture->make_vision_front(config, options());
}

at::Tensor VisionLanguageModel::tower_features(const at::Tensor& pixels) const {
  return vision_->features(pixels);
}

at::Tensor VisionLanguageModel::image_features(const at::Tensor& pixels) const {
  const at::NoGradGuard no_grad;
  return tower_features(pixels).contiguous();
}

at::Tensor VisionLanguageModel::project(const at::Tensor& features) const {
  return vision_->project(features);
}

at::Tensor VisionLanguageModel::embed(const at::Tensor& ids, const at::Tensor& projected) const {
  const std::int64_t d = config_.text.hidden_size;
  if (!projected.defined()) return at::embedding(language_model.embed_tokens, ids);
  const at::Tensor placeholders = ids.eq(config_.image_token);
  // The placeholder may be no token of the vocabulary; its own embedding is never used.
  const at::Tensor tokens =
      config_.image_token < config_.text.vocab_size ? ids : ids.masked_fill(placeholders, 0);
  const at::Tensor rows = placeholders.flatten().nonzero().squeeze(1);
  const at::Tensor images = projected.reshape({-1, d});
  TORCH_CHECK(rows.size(0) == images.size(0), "the batch has ", rows.size(0),
              " image positions, but ", images.size(0), " image embeddings");
  const at::Tensor embedded =
      at::embedding(language_model.embed_tokens, tokens.flatten()).index_copy_(0, rows, images);
  return embedded.view({ids.size(0), ids.size(1), d});
}

at::Tensor VisionLanguageModel::decode(const at::Tensor& embeddings) const {
  const std::vector<std::int64_t> lengths(static_cast<std::size_t>(embeddings.size(0)),
                                          embeddings.size(1));
  return decode_packed(embeddings.flatten(0, 1), lengths).view(embeddings.sizes());
}

at::Tensor VisionLanguageModel::decode_packed(const at::Tensor& embeddings,
                                              std::span<const std::int64_t> sequence_lengths,
                                              const at::Tensor& chosen) const {
  return language_model.decode_packed(embeddings, sequence_lengths, pass_, chosen);
}

at::Tensor VisionLanguageModel::loss(const at::Tensor& hidden, const at::Tensor& targets,
                                     double scale) const {
  return head_cross_entropy(hidden, language_model.lm_head, targets, scale);
}

at::Tensor VisionLanguageModel::logits(const at::Tensor& hidden) const {
  return linear_rows(hidden, language_model.lm_head);
}

void VisionLanguageModel::set_trainable(Part part, bool trainable) {
  for (NamedTensor& tensor : named_tensors()) {
    if (tensor.part == part) tensor.parameter.requires_grad_(trainable);
  }
}

std::vector<TrainableParameter> VisionLanguageModel::trainable_parameters() const {
  std::vector<TrainableParameter> parameters;
  for (const NamedTensor& tensor : named_tensors()) {
    if (tensor.first_row != 0 || !tensor.parameter.requires_grad()) continue;
    parameters.push_back({tensor.name, tensor.part, decays(tensor.name), tensor.parameter});
  }
  for (const FusedLinear* linear : language_linears()) {
    if (!linear->lora) continue;
    const auto add = [&](const std::string& name, const at::Tensor& tensor) {
      if (tensor.requires_grad()) parameters.push_back({name, Part::language_model, true, tensor});
    };
    const auto name_of = [&](const LoraPart& part) { return linear->parts[part.part].name; };
    add(name_of(linear->lora->parts.front()) + ".lora_A", linear->lora->a);
    for (const LoraPart& part : linear->lora->parts) add(name_of(part) + ".lora_B", part.b);
  }
  return parameters;
}

std::vector<NamedTensor> VisionLanguageModel::named_tensors() const {
  std::vector<NamedTensor> tensors;
  if (vision_) vision_->list_tensors(tensors);
  list_decoder(language_model, config_.text.tie_word_embeddings, {Part::language_model, tensors});
  return tensors;
}

std::vector<FusedLinear*> VisionLanguageModel::language_linears() {
  return linears_of<VisionLanguageModel, FusedLinear>(*this);
}

std::vector<const FusedLinear*> VisionLanguageModel::language_linears() const {
  return linears_of<const VisionLanguageModel, const FusedLinear>(*this);
}

bool VisionLanguageModel::has_lora() const {
  return std::ranges::any_of(language_linears(),
                             [](const FusedLinear* linear) { return linear->lora.has_value(); });
}

}  // namespace vlsweep
