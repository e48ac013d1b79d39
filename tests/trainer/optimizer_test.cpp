// The optimizer against torch's and bitsandbytes', in every precision.
#include "worker/trainer/train/optimizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

namespace vlsweep {
namespace {

constexpr std::int64_t kLarge = kLeastEightBitSize;

TEST(FlatAdamW, StepsAsTorchDoes) {
  torch::manual_seed(0);
  const std::vector<std::vector<std::int64_t>> shapes{{7, 5}, {3}, {33}};
  std::vector<at::Tensor> ours, theirs;
  std::vector<TrainableParameter> parameters;
  for (const auto& shape : shapes) {
    ours.push_back(at::randn(shape).requires_grad_());
    theirs.push_back(ours.back().detach().clone().requires_grad_());
    parameters.push_back({"p", Part::language_model, shape.size() > 1, ours.back()});
  }
  FlatAdamW optimizer(parameters, {.beta1 = 0.9, .beta2 = 0.98, .weight_decay = 0.1});
  using Options = torch::optim::AdamWOptions;
  const Options decays = Options(0.01).betas({0.9, 0.98}).weight_decay(0.1);
  torch::optim::AdamW matrix({theirs[0]}, decays);
  torch::optim::AdamW vectors({theirs[1], theirs[2]}, Options(decays).weight_decay(0));
  for (int step = 0; step < 5; ++step) {
    optimizer.zero_gradients();
    matrix.zero_grad();
    vectors.zero_grad();
    for (const auto* set : {&ours, &theirs}) {
      at::Tensor loss = at::zeros({});
      for (const at::Tensor& each : *set) loss = loss + (each * each).sum() * 3;
      loss.backward();
    }
    const at::Tensor norm = optimizer.gradient_norm();
    EXPECT_NEAR(norm.item<double>(), torch::nn::utils::clip_grad_norm_(theirs, 1.0), 1e-4);
    optimizer.clip_gradients(norm, 1.0);
    optimizer.step(0.01);
    matrix.step();
    vectors.step();
  }
  for (std::size_t i = 0; i < ours.size(); ++i)
    EXPECT_TRUE(at::allclose(ours[i], theirs[i], 1e-5, 1e-6)) << i;
}

nlohmann::json golden() {
  std::ifstream file(std::string(VLSWEEP_SOURCE_DIR) + "/tests/trainer/golden/training.json");
  return nlohmann::json::parse(file)["eight_bit"];
}

at::Tensor floats(const nlohmann::json& numbers) {
  return at::tensor(numbers.get<std::vector<float>>());
}

TEST(EightBit, HasBitsandbytesMaps) {
  EXPECT_TRUE(at::equal(dynamic_map(true), floats(golden()["signed"])));
  EXPECT_TRUE(at::equal(dynamic_map(false), floats(golden()["unsigned"])));
}

TEST(EightBit, FindsTheNearestValueOfAMap) {
  for (const bool is_signed : {true, false}) {
    const at::Tensor tensor = dynamic_map(is_signed);
    std::array<float, 256> values{};
    std::copy_n(tensor.const_data_ptr<float>(), 256, values.begin());
    const QuantizationMap map(values);
    std::vector<float> numbers(values.begin(), values.end());
    for (float x = 1; x > 1e-12F; x *= 0.9973F)
      numbers.insert(numbers.end(), {x, is_signed ? -x : x});
    for (const float x : numbers) {
      float least = std::numeric_limits<float>::infinity();
      for (const float value : values) least = std::min(least, std::abs(x - value));
      EXPECT_EQ(std::abs(x - values[map.nearest(x)]), least) << x;
    }
  }
}

// The same gradients as make_training.py's, stepped by `step`.
template <class Step>
void expect_bitsandbytes_steps(Step step) {
  const auto wanted = golden();
  const at::Tensor i = at::arange(512, at::kDouble);
  const at::Tensor values = at::sin(i * 0.37).to(at::kFloat);
  const EightBitMoments moments(512, at::kCPU);
  for (std::int64_t n = 1; n <= wanted["steps"].get<std::int64_t>(); ++n) {
    const at::Tensor gradients =
        (at::cos(i * 0.11 * static_cast<double>(n)) * at::exp(-i / 60)).to(at::kFloat);
    step(AdamWStep{0.01, 0.9, 0.98, 1e-8, 0.1, n}, moments, 0, gradients, values);
  }
  EXPECT_TRUE(at::allclose(values, floats(wanted["values"]), 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(moments.absmax, floats(wanted["moments_absmax"]), 1e-5));
  EXPECT_TRUE(at::allclose(moments.square_absmax, floats(wanted["square_moments_absmax"]), 1e-5));
  const auto differing = [&](const at::Tensor& codes, const char* name) {
    return codes.to(at::kFloat).ne(floats(wanted[name])).sum().template item<std::int64_t>();
  };
  // A number halfway between two values may fall to either by rounding.
  EXPECT_LE(differing(moments.codes, "moments"), 2);
  EXPECT_LE(differing(moments.square_codes, "square_moments"), 2);
}

TEST(EightBit, StepsAsBitsandbytesDoes) { expect_bitsandbytes_steps(step_eight_bit); }

TEST(EightBit, StepsAsBitsandbytesDoesByAten) { expect_bitsandbytes_steps(step_eight_bit_by_aten); }

// A linear map learned from noisy examples: what the loss falls to.
double loss_after_learning(const AdamWSettings& settings, at::ScalarType type) {
  torch::manual_seed(0);
  const at::Tensor truth = at::randn({64, 64});
  at::Tensor weight = at::zeros({64, 64}, type).requires_grad_();
  FlatAdamW optimizer({{"w", Part::language_model, true, weight}}, settings);
  double loss = 0;
  for (int step = 0; step < 400; ++step) {
    const at::Tensor x = at::randn({32, 64});
    optimizer.zero_gradients();
    const at::Tensor error = at::matmul(x, weight.to(at::kFloat)) - at::matmul(x, truth);
    const at::Tensor mean = error.square().mean();
    (mean * optimizer.loss_scale()).backward();
    optimizer.clip_gradients(optimizer.gradient_norm(), 0);
    optimizer.step(step < 300 ? 3e-2 : 3e-3);
    loss = mean.item<double>();
  }
  return loss;
}

TEST(FlatAdamW, LearnsInEightBitsAndWithMastersAsInFloat32) {
  const double begin = 64;
  const double plain = loss_after_learning({}, at::kFloat);
  ASSERT_LT(plain, 0.01 * begin);
  EXPECT_LT(loss_after_learning({.eight_bit = true}, at::kFloat), 0.02 * begin);
  EXPECT_LT(loss_after_learning({}, at::kBFloat16), 0.02 * begin);
  EXPECT_LT(loss_after_learning({}, at::kHalf), 0.02 * begin);
  EXPECT_LT(loss_after_learning({.eight_bit = true}, at::kBFloat16), 0.02 * begin);
}

// Steps too small for bfloat16's 8 bits add up in the master.
TEST(FlatAdamW, KeepsFloat32MastersOfBfloat16) {
  at::Tensor ours = at::ones({48}, at::kBFloat16).requires_grad_();
  at::Tensor theirs = at::ones({48}).requires_grad_();
  FlatAdamW optimizer({{"p", Part::language_model, true, ours}}, {.weight_decay = 0.1});
  torch::optim::AdamW torchs({theirs}, torch::optim::AdamWOptions(1e-4).weight_decay(0.1));
  for (int step = 0; step < 100; ++step) {
    const at::Tensor gradient = at::sin(at::arange(48) + step).to(at::kBFloat16) + 1;
    ours.mutable_grad().copy_(gradient);
    theirs.mutable_grad() = gradient.to(at::kFloat);
    const at::Tensor norm = optimizer.gradient_norm();
    EXPECT_NEAR(norm.item<double>(), torch::nn::utils::clip_grad_norm_({theirs}, 1.0), 1e-4);
    optimizer.clip_gradients(norm, 1.0);
    optimizer.step(1e-4);
    torchs.step();
  }
  EXPECT_LT(theirs.max().item<double>(), 0.9925);
  EXPECT_TRUE(at::equal(ours, theirs.to(at::kBFloat16)));
}

TEST(FlatAdamW, ScalesTheLossOfFloat16AndBacksOff) {
  at::Tensor half = at::ones({16}, at::kHalf).requires_grad_();
  FlatAdamW optimizer({{"p", Part::language_model, true, half}}, {});
  EXPECT_EQ(optimizer.loss_scale(), 65536);
  half.mutable_grad().fill_(65536 * 1e-3);
  EXPECT_NEAR(optimizer.gradient_norm().item<double>(), 4e-3, 1e-5);
  half.mutable_grad().fill_(std::numeric_limits<double>::infinity());
  EXPECT_FALSE(std::isfinite(optimizer.gradient_norm().item<double>()));
  EXPECT_TRUE(optimizer.back_off());
  EXPECT_EQ(optimizer.loss_scale(), 32768);
  while (optimizer.loss_scale() >= 1) ASSERT_TRUE(optimizer.back_off());
  EXPECT_FALSE(optimizer.back_off()) << "no scale makes these finite";
  at::Tensor wide = at::ones({16}).requires_grad_();
  FlatAdamW plain({{"p", Part::language_model, true, wide}}, {});
  EXPECT_EQ(plain.loss_scale(), 1);
  EXPECT_FALSE(plain.back_off());
}

struct RateCase {
  Part part;
  bool decays;
  double first_step;  // of a value of 1 with a gradient of 1, at a rate of 0.01
};

TEST(FlatAdamW, HasARateForEachPartAndDecaysWhatDecays) {
  const AdamWSettings settings{
      .weight_decay = 0.1, .language_scale = 1, .projector_scale = 0.5, .vision_scale = 0.25};
  for (const RateCase& each : {RateCase{Part::language_model, true, 0.01 + 0.001},
                               {Part::language_model, false, 0.01},
                               {Part::projector, true, 0.005 + 0.0005},
                               {Part::projector, false, 0.005},
                               {Part::vision_tower, true, 0.0025 + 0.00025},
                               {Part::vision_tower, false, 0.0025}}) {
    at::Tensor value = at::ones({4}).requires_grad_();
    FlatAdamW optimizer({{"p", each.part, each.decays, value}}, settings);
    value.mutable_grad().fill_(1);
    optimizer.step(0.01);
    EXPECT_NEAR(value[0].item<double>(), 1 - each.first_step, 1e-6) << static_cast<int>(each.part);
  }
}

// bitsandbytes' min_8bit_size, and the embeddings that transformers' Trainer excepts.
TEST(FlatAdamW, KeepsSmallParametersAndEmbeddingsIn32Bits) {
  const auto codes = [](const std::string& name, std::int64_t size) {
    at::Tensor value = at::ones({size}).requires_grad_();
    const FlatAdamW optimizer({{name, Part::language_model, true, value}}, {.eight_bit = true});
    for (const auto& [what, tensor] : optimizer.state())
      if (tensor.scalar_type() == at::kByte) return true;
    return false;
  };
  EXPECT_TRUE(codes("model.layers.0.mlp.down_proj.weight", kLarge));
  EXPECT_FALSE(codes("model.layers.0.mlp.down_proj.weight", kLarge - 1));
  EXPECT_FALSE(codes("language_model.model.embed_tokens.weight", kLarge));
}

TEST(FlatAdamW, GoesOnFromItsState) {
  const AdamWSettings settings{.weight_decay = 0.1, .eight_bit = true};
  const auto make = [] {
    torch::manual_seed(1);
    return std::vector<TrainableParameter>{
        {"a", Part::language_model, true, at::randn({kLarge + 5}).requires_grad_()},
        {"b", Part::projector, false, at::randn({7}).to(at::kBFloat16).requires_grad_()},
        {"c", Part::vision_tower, true, at::randn({kLarge}).to(at::kHalf).requires_grad_()}};
  };
  const auto run = [](FlatAdamW& optimizer, const std::vector<TrainableParameter>& parameters,
                      int begin, int end) {
    for (int step = begin; step < end; ++step) {
      for (const TrainableParameter& each : parameters) {
        at::Tensor gradient = each.tensor.grad();
        gradient.copy_(at::sin(at::arange(gradient.numel()) * 0.1 + step));
      }
      optimizer.clip_gradients(optimizer.gradient_norm(), 1.0);
      optimizer.step(0.01);
    }
  };
  const auto whole = make(), first = make(), second = make();
  FlatAdamW uninterrupted(whole, settings), before(first, settings), after(second, settings);
  run(uninterrupted, whole, 0, 7);
  run(before, first, 0, 3);
  const auto from = before.state(), to = after.state();
  ASSERT_EQ(from.size(), to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    ASSERT_EQ(from[i].first, to[i].first);
    const torch::NoGradGuard no_grad;
    at::Tensor(to[i].second).copy_(from[i].second);
  }
  after.restored();
  run(after, second, 3, 7);
  for (std::size_t i = 0; i < whole.size(); ++i)
    EXPECT_TRUE(at::equal(second[i].tensor, whole[i].tensor)) << whole[i].name;
}

}  // namespace
}  // namespace vlsweep
