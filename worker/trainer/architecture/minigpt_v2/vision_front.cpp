#include "worker/trainer/architecture/minigpt_v2/vision_front.h"

#include <string>
#include <utility>

namespace vlsweep {
namespace {

// Tensors have the names of transformers' Blip2VisionModel.
std::string layer_name(std::size_t layer) {
  return "vision_tower.encoder.layers." + std::to_string(layer) + ".";
}

EvaVisionTower make_tower(const EvaConfig& config, const ParameterAllocator& make) {
  EvaVisionTower tower(config);
  const std::int64_t d = config.hidden_size, f = config.intermediate_size;
  const std::int64_t p = config.patch_size;
  tower.class_embedding = at::empty({1, 1, d}, make.options);
  tower.patch_embedding = at::empty({d, 3, p, p}, make.options);
  tower.position_embedding = at::empty({1, 1 + config.num_patches(), d}, make.options);
  for (at::Tensor* tensor : {&tower.patch_bias, &tower.post_norm_weight, &tower.post_norm_bias}) {
    *tensor = make.vector(d);
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(config.num_layers); ++i) {
    const std::string prefix = layer_name(i);
    EvaBlock block;
    for (at::Tensor* tensor :
         {&block.norm1_weight, &block.norm1_bias, &block.norm2_weight, &block.norm2_bias}) {
      *tensor = make.vector(d);
    }
    block.qkv = make.linear(prefix + "self_attn.", {{"qkv", 3 * d}}, d, true);
    block.out = make.linear(prefix + "self_attn.", {{"projection", d}}, d, true);
    block.fc1 = make.linear(prefix + "mlp.", {{"fc1", f}}, d, true);
    block.fc2 = make.linear(prefix + "mlp.", {{"fc2", d}}, f, true);
    tower.blocks.push_back(std::move(block));
  }
  return tower;
}

void list_tower(const EvaVisionTower& tower, TensorListing list) {
  const std::string embeddings = "vision_tower.embeddings.";
  list.whole(embeddings + "class_embedding", tower.class_embedding);
  list.whole(embeddings + "position_embedding", tower.position_embedding);
  list.whole(embeddings + "patch_embedding.weight", tower.patch_embedding);
  list.whole(embeddings + "patch_embedding.bias", tower.patch_bias);
  for (std::size_t i = 0; i < tower.blocks.size(); ++i) {
    const EvaBlock& block = tower.blocks[i];
    const std::string name = layer_name(i);
    list.whole(name + "layer_norm1.weight", block.norm1_weight);
    list.whole(name + "layer_norm1.bias", block.norm1_bias);
    list.linear(block.qkv);
    list.linear(block.out);
    list.whole(name + "layer_norm2.weight", block.norm2_weight);
    list.whole(name + "layer_norm2.bias", block.norm2_bias);
    list.linear(block.fc1);
    list.linear(block.fc2);
  }
  list.whole("vision_tower.post_layernorm.weight", tower.post_norm_weight);
  list.whole("vision_tower.post_layernorm.bias", tower.post_norm_bias);
}

}  // namespace

MiniGptVisionFront::MiniGptVisionFront(const ModelConfig& config, const at::TensorOptions& options)
    : config_(minigpt_vision(config)),
      tower_(make_tower(config_.tower, ParameterAllocator{options})),
      projection_(ParameterAllocator{options}.linear("multi_modal_projector.",
                                                     {{"linear", config.text.hidden_size}},
                                                     config_.feature_size, true)) {}

at::Tensor MiniGptVisionFront::features(const at::Tensor& pixels) const {
  const at::Tensor states = tower_.states(pixels);
  // A row of patches is side by side in memory: four neighbours are one longer feature.
  return states.narrow(1, 1, states.size(1) - 1)
      .reshape({states.size(0), config_.positions, config_.feature_size});
}

at::Tensor MiniGptVisionFront::project(const at::Tensor& features) const {
  const at::Tensor projected = projection_(features.reshape({-1, features.size(-1)}));
  std::vector<std::int64_t> shape = features.sizes().vec();
  shape.back() = projected.size(1);
  return projected.view(shape);
}

void MiniGptVisionFront::list_tensors(std::vector<NamedTensor>& tensors) const {
  list_tower(tower_, {Part::vision_tower, tensors});
  TensorListing{Part::projector, tensors}.linear(projection_);
}

std::unique_ptr<VisionFront> make_minigpt_vision_front(const ModelConfig& config,
                                                       const c10::TensorOptions& options) {
  return std::make_unique<MiniGptVisionFront>(config, options);
}

}  // namespace vlsweep
