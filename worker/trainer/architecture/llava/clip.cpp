#include "worker/trainer/architecture/llava/clip.h"

#include "worker/trainer/model/kernels.h"

namespace vlsweep {
namespace {

at::Tensor activation(const ClipConfig& config, const at::Tensor& x) {
  return config.hidden_act == "quick_gelu" ? quick_gelu(x) : at::gelu(x);
}

}  // namespace

at::Tensor ClipVisionTower::embed_patches(const at::Tensor& pixels) const {
  const std::int64_t n = pixels.size(0), p = config_.patch_size;
  const std::int64_t side = config_.image_size / p, used = side * p;
  // A convolution whose stride is its kernel: patches as rows of one matrix product.
  const at::Tensor rows = pixels.to(patch_embedding.scalar_type())
                              .narrow(2, 0, used)
                              .narrow(3, 0, used)
                              .reshape({n, 3, side, p, side, p})
                              .permute({0, 2, 4, 1, 3, 5})
                              .reshape({n * side * side, 3 * p * p});
  const at::Tensor patches =
      linear_rows(rows, patch_embedding.flatten(1)).view({n, side * side, config_.hidden_size});
  const at::Tensor first = class_embedding.expand({n, 1, config_.hidden_size});
  return at::cat({first, patches}, 1) + position_embedding;
}

at::Tensor ClipVisionTower::run_layer(const ClipLayer& layer, const at::Tensor& states) const {
  const std::int64_t n = states.size(0), length = states.size(1), d = config_.hidden_size;
  const at::Tensor x = states.reshape({n * length, d});
  const auto norm = [&](const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
    return at::layer_norm(rows, {d}, weight, bias, config_.layer_norm_eps);
  };
  const at::Tensor qkv = layer.qkv(norm(x, layer.norm1_weight, layer.norm1_bias))
                             .view({n, length, 3, config_.num_heads, d / config_.num_heads})
                             .permute({2, 0, 3, 1, 4});
  const at::Tensor attended = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
                                  .transpose(1, 2)
                                  .reshape({n * length, d});
  const at::Tensor y = x + layer.out(attended);
  const at::Tensor wide = layer.fc1(norm(y, layer.norm2_weight, layer.norm2_bias));
  return (y + layer.fc2(activation(config_, wide))).view({n, length, d});
}

at::Tensor ClipVisionTower::hidden_states(const at::Tensor& pixels,
                                          std::int64_t num_layers_run) const {
  at::Tensor x = at::layer_norm(embed_patches(pixels), {config_.hidden_size}, pre_norm_weight,
                                pre_norm_bias, config_.layer_norm_eps);
  for (std::int64_t i = 0; i < num_layers_run; ++i) {
    x = run_layer(layers[static_cast<std::size_t>(i)], x);
  }
  return x;
}

}  // namespace vlsweep
