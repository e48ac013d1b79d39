#include "worker/trainer/architecture/minigpt_v2/eva.h"

namespace vlsweep {
namespace {

// q and v have a bias, k has none.
at::Tensor query_key_value(const FusedLinear& linear, const at::Tensor& x) {
  const std::int64_t d = linear.weight.size(1);
  const at::Tensor& bias = linear.bias;
  const at::Tensor used =
      at::cat({bias.narrow(0, 0, d), at::zeros({d}, bias.options()), bias.narrow(0, 2 * d, d)});
  return linear_rows(x, linear.weight, used);
}

}  // namespace

at::Tensor EvaVisionTower::embed_patches(const at::Tensor& pixels) const {
  const std::int64_t n = pixels.size(0), p = config_.patch_size, d = config_.hidden_size;
  const std::int64_t side = config_.image_size / p;
  // A convolution whose stride is its kernel: patches as rows of one matrix product.
  const at::Tensor rows = pixels.to(patch_embedding.scalar_type())
                              .reshape({n, 3, side, p, side, p})
                              .permute({0, 2, 4, 1, 3, 5})
                              .reshape({n * side * side, 3 * p * p});
  const at::Tensor patches =
      linear_rows(rows, patch_embedding.flatten(1), patch_bias).view({n, side * side, d});
  return at::cat({class_embedding.expand({n, 1, d}), patches}, 1) + position_embedding;
}

at::Tensor EvaVisionTower::run_block(const EvaBlock& block, const at::Tensor& states) const {
  const std::int64_t n = states.size(0), length = states.size(1), d = config_.hidden_size;
  const at::Tensor x = states.reshape({n * length, d});
  const auto norm = [&](const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
    return at::layer_norm(rows, {d}, weight, bias, config_.layer_norm_eps);
  };
  const at::Tensor qkv = query_key_value(block.qkv, norm(x, block.norm1_weight, block.norm1_bias))
                             .view({n, length, 3, config_.num_heads, d / config_.num_heads})
                             .permute({2, 0, 3, 1, 4});
  const at::Tensor attended = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
                                  .transpose(1, 2)
                                  .reshape({n * length, d});
  const at::Tensor y = x + block.out(attended);
  const at::Tensor wide = block.fc1(norm(y, block.norm2_weight, block.norm2_bias));
  return (y + block.fc2(at::gelu(wide))).view({n, length, d});
}

at::Tensor EvaVisionTower::states(const at::Tensor& pixels) const {
  at::Tensor x = embed_patches(pixels);
  for (const EvaBlock& block : blocks) x = run_block(block, x);
  return at::layer_norm(x, {config_.hidden_size}, post_norm_weight, post_norm_bias,
                        config_.post_norm_eps);
}

}  // namespace vlsweep
