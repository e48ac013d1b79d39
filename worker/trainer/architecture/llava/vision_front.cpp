#include "worker/trainer/architecture/llava/vision_front.h"

#include <string>
#include <string_view>
#include <utility>

namespace vlsweep {
namespace {

constexpr std::string_view kTower = "vision_tower.vision_model.";

ClipVisionTower make_tower(const ClipConfig& config, const ParameterAllocator& make) {
  ClipVisionTower tower(config);
  const std::int64_t d = config.hidden_size, f = config.intermediate_size;
  tower.class_embedding = make.vector(d);
  tower.patch_embedding = at::empty({d, 3, config.patch_size, config.patch_size}, make.options);
  tower.position_embedding = make.matrix(config.num_patches() + 1, d);
  for (at::Tensor* tensor : {&tower.pre_norm_weight, &tower.pre_norm_bias, &tower.post_norm_weight,
                             &tower.post_norm_bias}) {
    *tensor = make.vector(d);
  }
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    const std::string prefix = std::string(kTower) + "encoder.layers." + std::to_string(i) + ".";
    const std::string attention = prefix + "self_attn.";
    ClipLayer layer;
    for (at::Tensor* tensor :
         {&layer.norm1_weight, &layer.norm1_bias, &layer.norm2_weight, &layer.norm2_bias}) {
      *tensor = make.vector(d);
    }
    layer.qkv = make.linear(attention, {{"q_proj", d}, {"k_proj", d}, {"v_proj", d}}, d, true);
    layer.out = make.linear(attention, {{"out_proj", d}}, d, true);
    layer.fc1 = make.linear(prefix + "mlp.", {{"fc1", f}}, d, true);
    layer.fc2 = make.linear(prefix + "mlp.", {{"fc2", d}}, f, true);
    tower.layers.push_back(std::move(layer));
  }
  return tower;
}

void list_tower(const ClipVisionTower& tower, TensorListing list) {
  const std::string prefix(kTower);
  list.whole(prefix + "embeddings.class_embedding", tower.class_embedding);
  list.whole(prefix + "embeddings.patch_embedding.weight", tower.patch_embedding);
  list.whole(prefix + "embeddings.position_embedding.weight", tower.position_embedding);
  list.whole(prefix + "pre_layrnorm.weight", tower.pre_norm_weight);
  list.whole(prefix + "pre_layrnorm.bias", tower.pre_norm_bias);
  for (std::size_t i = 0; i < tower.layers.size(); ++i) {
    const ClipLayer& layer = tower.layers[i];
    const std::string name = prefix + "encoder.layers." + std::to_string(i) + ".";
    list.whole(name + "layer_norm1.weight", layer.norm1_weight);
    list.whole(name + "layer_norm1.bias", layer.norm1_bias);
    list.linear(layer.qkv);
    list.linear(layer.out);
    list.whole(name + "layer_norm2.weight", layer.norm2_weight);
    list.whole(name + "layer_norm2.bias", layer.norm2_bias);
    list.linear(layer.fc1);
    list.linear(layer.fc2);
  }
  list.whole(prefix + "post_layernorm.weight", tower.post_norm_weight);
  list.whole(prefix + "post_layernorm.bias", tower.post_norm_bias);
}

}  // namespace

LlavaVisionFront::LlavaVisionFront(const ModelConfig& config, const at::TensorOptions& options)
    : config_(llava_vision(config)),
      tower_(make_tower(config_.tower, ParameterAllocator{options})) {
  const ParameterAllocator make{options};
  const std::int64_t d = config.text.hidden_size;
  const std::string prefix = "multi_modal_projector.";
  linear_1_ =
      make.linear(prefix, {{"linear_1", d}}, config_.tower.hidden_size, config_.projector_bias);
  linear_2_ = make.linear(prefix, {{"linear_2", d}}, d, config_.projector_bias);
}

at::Tensor LlavaVisionFront::features(const at::Tensor& pixels) const {
  const at::Tensor states = tower_.hidden_states(pixels, config_.tower_layers_run());
  return config_.drop_class_token ? states.narrow(1, 1, states.size(1) - 1) : states;
}

at::Tensor LlavaVisionFront::project(const at::Tensor& features) const {
  const at::Tensor rows = features.reshape({-1, features.size(-1)});
  const at::Tensor projected = linear_2_(at::gelu(linear_1_(rows)));
  std::vector<std::int64_t> shape = features.sizes().vec();
  shape.back() = projected.size(1);
  return projected.view(shape);
}

void LlavaVisionFront::list_tensors(std::vector<NamedTensor>& tensors) const {
  list_tower(tower_, {Part::vision_tower, tensors});
  TensorListing projector{Part::projector, tensors};
  projector.linear(linear_1_);
  projector.linear(linear_2_);
}

std::unique_ptr<VisionFront> make_llava_vision_front(const ModelConfig& config,
                                                     const c10::TensorOptions& options) {
  return std::make_unique<LlavaVisionFront>(config, options);
}

}  // namespace vlsweep
