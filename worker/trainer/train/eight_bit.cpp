#include "worker/trainer/train/eight_bit.h"

#include <ATen/Parallel.h>

#include <array>
#include <cmath>
#include <vector>

namespace vlsweep {
namespace {

constexpr std::int64_t kBlocksPerTask = 64;

QuantizationMap make_map(bool is_signed) {
  const at::Tensor tensor = dynamic_map(is_signed);
  std::array<float, 256> values{};
  std::copy_n(tensor.const_data_ptr<float>(), values.size(), values.begin());
  return QuantizationMap(values);
}

const QuantizationMap& signed_map() {
  static const QuantizationMap map = make_map(true);
  return map;
}

const QuantizationMap& unsigned_map() {
  static const QuantizationMap map = make_map(false);
  return map;
}

// codes [blocks, 256] and absmax [blocks] -> float32 [blocks, 256].
at::Tensor dequantize(const at::Tensor& codes, const at::Tensor& absmax, const at::Tensor& map) {
  return map.index_select(0, codes.flatten().to(at::kLong)).view(codes.sizes()) *
         absmax.unsqueeze(1);
}

void quantize(const at::Tensor& x, const at::Tensor& map, at::Tensor codes, at::Tensor absmax) {
  const at::Tensor largest = x.abs().amax(1);
  absmax.copy_(at::where(largest.eq(0), at::ones_like(largest), largest));
  const at::Tensor borders = (map.narrow(0, 0, 255) + map.narrow(0, 1, 255)) / 2;
  codes.copy_(at::bucketize(x / absmax.unsqueeze(1), borders));
}

}  // namespace

at::Tensor dynamic_map(bool is_signed) {
  constexpr int kExponents = 7;
  std::vector<at::Tensor> parts;
  for (int i = 0; i < kExponents; ++i) {
    const std::int64_t items = (std::int64_t{1} << (i + (is_signed ? 0 : 1))) + 1;
    const at::Tensor borders = at::linspace(0.1, 1, items, at::kFloat);
    const at::Tensor means =
        (borders.narrow(0, 0, items - 1) + borders.narrow(0, 1, items - 1)) / 2;
    const double power = std::pow(10.0, i - (kExponents - 1));
    parts.push_back(means * power);
    if (is_signed) parts.push_back(means * -power);
  }
  parts.push_back(at::tensor({0.0F, 1.0F}));
  return std::get<0>(at::cat(parts).sort());
}

EightBitMoments::EightBitMoments(std::int64_t size, at::Device device) {
  const auto options = at::TensorOptions().device(device);
  codes = at::zeros({size}, options.dtype(at::kByte));
  square_codes = at::zeros({size}, options.dtype(at::kByte));
  absmax = at::zeros({size / kQuantizationBlock}, options.dtype(at::kFloat));
  square_absmax = at::zeros({size / kQuantizationBlock}, options.dtype(at::kFloat));
}

void step_eight_bit_by_aten(const AdamWStep& step, const EightBitMoments& moments,
                            std::int64_t first, const at::Tensor& gradients,
                            const at::Tensor& values) {
  const torch::NoGradGuard no_grad;
  const std::int64_t n = values.numel(), blocks = n / kQuantizationBlock;
  const auto part = [&](const at::Tensor& codes) {
    return codes.narrow(0, first, n).view({blocks, kQuantizationBlock});
  };
  const auto scales = [&](const at::Tensor& absmax) {
    return absmax.narrow(0, first / kQuantizationBlock, blocks);
  };
  const at::Tensor map = dynamic_map(true).to(values.device());
  const at::Tensor square_map = dynamic_map(false).to(values.device());
  const at::Tensor g = gradients.view({blocks, kQuantizationBlock});
  at::Tensor p = values.view({blocks, kQuantizationBlock});
  at::Tensor m = dequantize(part(moments.codes), scales(moments.absmax), map);
  at::Tensor v = dequantize(part(moments.square_codes), scales(moments.square_absmax), square_map);
  m.mul_(step.beta1).add_(g, 1 - step.beta1);
  v.mul_(step.beta2).addcmul_(g, g, 1 - step.beta2);
  const auto count = static_cast<double>(step.step);
  const at::Tensor denominator =
      (v.sqrt() / std::sqrt(1 - std::pow(step.beta2, count))).add_(step.epsilon);
  if (step.weight_decay > 0) p.mul_(1 - step.lr * step.weight_decay);
  p.addcdiv_(m, denominator, -step.lr / (1 - std::pow(step.beta1, count)));
  quantize(m, map, part(moments.codes), scales(moments.absmax));
  quantize(v, square_map, part(moments.square_codes), scales(moments.square_absmax));
}

void step_eight_bit(const AdamWStep& step, const EightBitMoments& moments, std::int64_t first,
                    const at::Tensor& gradients, const at::Tensor& values) {
  if (!values.is_cpu()) return step_eight_bit_by_aten(step, moments, first, gradients, values);
  const float* from = gradients.const_data_ptr<float>();
  float* to = values.mutable_data_ptr<float>();
  const EightBitBlocks all{moments.codes.mutable_data_ptr<std::uint8_t>(),
                           moments.absmax.mutable_data_ptr<float>(),
                           moments.square_codes.mutable_data_ptr<std::uint8_t>(),
                           moments.square_absmax.mutable_data_ptr<float>()};
  const std::int64_t first_block = first / kQuantizationBlock;
  at::parallel_for(
      0, values.numel() / kQuantizationBlock, kBlocksPerTask,
      [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t block = first_block + begin, at = block * kQuantizationBlock;
        step_eight_bit_blocks(
            end - begin, step, signed_map(), unsigned_map(),
            {all.codes + at, all.absmax + block, all.square_codes + at, all.square_absmax + block},
            from + begin * kQuantizationBlock, to + begin * kQuantizationBlock);
      });
}

}  // namespace vlsweep
