// The decoder as training runs it: packed sequences, layers computed again, seeded dropout, LoRA on
// some linears, the loss in pieces. Judged by the padded, kept and whole forms, which model_test
// holds to transformers.
#include "tests/trainer/golden.h"
#include "worker/trainer/model/cross_entropy.h"
#include "worker/trainer/model/dropout.h"
#include "worker/trainer/model/lora.h"

namespace vlsweep {
namespace {

using Lengths = std::vector<std::int64_t>;

std::unique_ptr<VisionLanguageModel> text_model(at::ScalarType dtype = at::kFloat) {
  auto model = load_checkpoint(golden::folder("text"), dtype, at::kCPU);
  EXPECT_TRUE(model) << model.error().text();
  return std::move(*model);
}

// [count] token ids that differ by seed.
at::Tensor tokens(std::int64_t count, std::int64_t seed) {
  return at::arange(count, at::kLong).mul(7 + seed).add(seed * 5).remainder(50).add(3);
}

at::Tensor packed_logits(const VisionLanguageModel& model, const std::vector<at::Tensor>& rows) {
  Lengths lengths;
  for (const at::Tensor& row : rows) lengths.push_back(row.size(0));
  const at::Tensor ids = at::cat(rows).unsqueeze(0);
  return model.logits(model.decode_packed(model.embed(ids, {}).squeeze(0), lengths));
}

class Packing : public testing::TestWithParam<at::ScalarType> {};

TEST_P(Packing, RowsEqualTheSequencesAlone) {
  const at::NoGradGuard no_grad;
  const auto model = text_model(GetParam());
  const std::vector<at::Tensor> rows{tokens(9, 1), tokens(1, 2), tokens(300, 3), tokens(17, 4)};
  const at::Tensor packed = packed_logits(*model, rows);
  const double tolerance = GetParam() == at::kFloat ? 1e-5 : 0.1;
  std::int64_t start = 0;
  for (const at::Tensor& row : rows) {
    const at::Tensor alone = model->logits(model->decode(model->embed(row.unsqueeze(0), {})));
    const at::Tensor found = packed.narrow(0, start, row.size(0));
    EXPECT_LT((found - alone[0]).abs().max().item<double>(), tolerance) << row.size(0);
    start += row.size(0);
  }
}

TEST_P(Packing, NothingLeaksFromOneSequenceIntoAnother) {
  const auto model = text_model(GetParam());
  model->set_trainable(Part::language_model, true);
  std::vector<at::Tensor> rows{tokens(9, 1), tokens(12, 2), tokens(20, 3)};
  const at::Tensor before = packed_logits(*model, rows).detach();
  rows[1] = tokens(12, 6);
  const at::Tensor after = packed_logits(*model, rows);
  EXPECT_TRUE(at::equal(after.narrow(0, 0, 9), before.narrow(0, 0, 9)));
  EXPECT_FALSE(at::equal(after.narrow(0, 9, 12), before.narrow(0, 9, 12)));
  EXPECT_TRUE(at::equal(after.narrow(0, 21, 20), before.narrow(0, 21, 20)));
  // Nor does a gradient flow back.
  const at::Tensor embedded =
      model->embed(at::cat(rows).unsqueeze(0), {}).squeeze(0).detach().requires_grad_(true);
  model->decode_packed(embedded, Lengths{9, 12, 20}).narrow(0, 9, 12).sum().backward();
  const at::Tensor reached = embedded.grad().abs().sum(1).gt(0);
  EXPECT_EQ(reached.narrow(0, 9, 12).sum().item<std::int64_t>(), 12);
  EXPECT_EQ(reached.sum().item<std::int64_t>(), 12);
}

INSTANTIATE_TEST_SUITE_P(Types, Packing, testing::Values(at::kFloat, at::kBFloat16));

TEST(PackedDecoder, ChosenRowsAreTheRowsOfTheWhole) {
  const auto model = text_model();
  const at::NoGradGuard no_grad;
  const at::Tensor embedded = model->embed(tokens(30, 1).unsqueeze(0), {}).squeeze(0);
  const at::Tensor chosen = at::tensor({2, 3, 11, 29, 11}, at::kLong);
  const Lengths lengths{10, 0, 20};
  const at::Tensor whole = model->decode_packed(embedded, lengths);
  const at::Tensor some = model->decode_packed(embedded, lengths, chosen);
  EXPECT_LT((some - whole.index_select(0, chosen)).abs().max().item<double>(), 1e-5);
  EXPECT_THROW(model->decode_packed(embedded, Lengths{10, 19}), c10::Error);
}

// How a training pass is set up, and what must not change its bits.
struct Tuning {
  const char* name;
  at::ScalarType dtype;
  std::optional<LoraSettings> lora;
};
void PrintTo(const Tuning& value, std::ostream* stream) { *stream << value.name; }

class Recomputation : public testing::TestWithParam<Tuning> {
 protected:
  // Loss and gradients of one step with every k-th layer computed again.
  static std::vector<at::Tensor> step(std::int64_t every) {
    const auto model = text_model(GetParam().dtype);
    if (GetParam().lora) {
      attach_lora(*model, *GetParam().lora, 5);
      const at::NoGradGuard no_grad;
      for (const auto& parameter : model->trainable_parameters())
        if (parameter.name.ends_with("lora_B")) parameter.tensor.detach().fill_(0.02);
    } else {
      model->set_trainable(Part::language_model, true);
    }
    model->set_training(true);
    model->set_dropout_key({3, 1, 4});
    model->set_recompute_every(every);
    const at::Tensor embedded = model->embed(tokens(40, 1).unsqueeze(0), {}).squeeze(0);
    const at::Tensor rows = at::arange(5, 40, at::kLong);
    const at::Tensor hidden = model->decode_packed(embedded, Lengths{25, 15}, rows);
    const at::Tensor loss = model->loss(hidden, tokens(35, 2), 1.0 / 35);
    loss.backward();
    std::vector<at::Tensor> values{loss.detach()};
    for (const auto& parameter : model->trainable_parameters()) {
      EXPECT_TRUE(parameter.tensor.grad().defined()) << parameter.name;
      values.push_back(parameter.tensor.grad());
    }
    return values;
  }
};

TEST_P(Recomputation, GradientsAreThoseOfKeptLayersBitForBit) {
  const std::vector<at::Tensor> kept = step(0);
  for (const std::int64_t every : {1, 2}) {
    const std::vector<at::Tensor> found = step(every);
    ASSERT_EQ(found.size(), kept.size());
    for (std::size_t i = 0; i < kept.size(); ++i)
      EXPECT_TRUE(at::equal(found[i], kept[i])) << "every " << every << ", value " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tunings, Recomputation,
    testing::Values(Tuning{"full", at::kFloat, {}}, Tuning{"full_bfloat16", at::kBFloat16, {}},
                    Tuning{"lora", at::kFloat, LoraSettings{4, 8, 0.25}},
                    Tuning{"lora_bfloat16", at::kBFloat16, LoraSettings{4, 8, 0.25}},
                    Tuning{"lora_q_v", at::kFloat,
                           LoraSettings{4, 8, 0.25, {"q_proj", "v_proj"}, true}}),
    [](const auto& tuning) { return tuning.param.name; });

TEST(Dropout, MasksFollowTheirKeyAndProbability) {
  const at::Tensor ones = at::ones({300, 1001});
  const auto draw = [&](const DropoutMask& mask) { return mask.apply(ones); };
  const DropoutMask mask{{1, 2, 3}, 4, 0.25};
  const at::Tensor first = draw(mask);
  EXPECT_TRUE(at::equal(draw(mask), first));
  EXPECT_TRUE(first.eq(0).logical_or(first.sub(4.0 / 3).abs().lt(1e-6)).all().item<bool>());
  // Binomial: the standard deviation of the share is 0.0008.
  EXPECT_NEAR(first.eq(0).to(at::kFloat).mean().item<double>(), 0.25, 0.004);
  EXPECT_NEAR(first.mean().item<double>(), 1.0, 0.005);
  const at::Tensor dropped = first.eq(0).to(at::kFloat);
  for (const DropoutMask& other :
       {DropoutMask{{9, 2, 3}, 4, 0.25}, DropoutMask{{1, 9, 3}, 4, 0.25},
        DropoutMask{{1, 2, 9}, 4, 0.25}, DropoutMask{{1, 2, 3}, 9, 0.25}}) {
    // Independent masks drop an element together with probability 1/16.
    const at::Tensor both = draw(other).eq(0).to(at::kFloat) * dropped;
    EXPECT_NEAR(both.mean().item<double>(), 0.0625, 0.004);
  }
  // Neighbours are independent too.
  const at::Tensor flat = dropped.flatten();
  for (const std::int64_t lag : {1, 2, 16, 128, 1001}) {
    const std::int64_t count = flat.size(0) - lag;
    const at::Tensor both = flat.narrow(0, 0, count) * flat.narrow(0, lag, count);
    EXPECT_NEAR(both.mean().item<double>(), 0.0625, 0.004) << lag;
  }
}

TEST(Dropout, AddingIsApplyingAndThenAdding) {
  const DropoutMask mask{{7, 0, 0}, 1, 0.5};
  const at::Tensor x = at::sin(at::arange(5000, at::kFloat));
  at::Tensor target = at::cos(at::arange(5000, at::kFloat));
  const at::Tensor wanted = target + mask.apply(x);
  mask.add_applied(target, x);
  EXPECT_LT((target - wanted).abs().max().item<double>(), 1e-6);
}

// The gradient of dropout's own masks, by finite differences in a direction.
TEST(Lora, GradientsThroughDropoutAreThoseOfTheDrawnMasks) {
  const auto model = text_model();
  attach_lora(*model, {4, 8, 0.5}, 5);
  model->set_training(true);
  const at::Tensor embedded = model->embed(tokens(12, 1).unsqueeze(0), {}).squeeze(0).detach();
  const auto loss = [&](const at::Tensor& input) {
    return model->loss(model->decode_packed(input, Lengths{12}), tokens(12, 2), 1);
  };
  for (const auto& parameter : model->trainable_parameters())
    if (parameter.name.ends_with("lora_B")) parameter.tensor.detach().fill_(0.05);
  const at::Tensor leaf = embedded.clone().requires_grad_(true);
  loss(leaf).backward();
  const at::NoGradGuard no_grad;
  const at::Tensor direction = at::sin(at::arange(embedded.numel(), at::kFloat)).view_as(embedded);
  const double by_gradient = (leaf.grad() * direction).sum().item<double>();
  const double h = 1e-3;
  const double by_difference =
      (loss(embedded + h * direction) - loss(embedded - h * direction)).item<double>() / (2 * h);
  EXPECT_NEAR(by_gradient, by_difference, 0.01 * std::abs(by_difference) + 0.01);
}

TEST(Lora, TargetsAreTheLinearsNamed) {
  const auto model = text_model();
  attach_lora(*model, {4, 8, 0, {"q_proj", "v_proj", "down_proj"}}, 5);
  std::vector<std::string> names;
  for (const auto& parameter : model->trainable_parameters()) names.push_back(parameter.name);
  const std::string layer = "language_model.model.layers.0.";
  EXPECT_EQ(std::vector<std::string>(names.begin(), names.begin() + 5),
            (std::vector<std::string>{
                layer + "self_attn.q_proj.lora_A", layer + "self_attn.q_proj.lora_B",
                layer + "self_attn.v_proj.lora_B", layer + "mlp.down_proj.lora_A",
                layer + "mlp.down_proj.lora_B"}));
  EXPECT_EQ(model->language_model.layers[0].qkv.lora->a.size(0), 8);
  for (const std::vector<std::string>& bad : {std::vector<std::string>{}, {"lm_head"}})
    EXPECT_THROW(attach_lora(*text_model(), {4, 8, 0, bad}, 5), c10::Error);
}

TEST(HeadCrossEntropy, EqualsAtensInPiecesToo) {
  // 50000 rows of logits make pieces of 448 rows: three of them here.
  const std::int64_t rows = 1000, d = 8, vocabulary = 50000;
  const auto wave = [](std::int64_t n, std::int64_t m) {
    return at::sin(at::arange(n * m, at::kFloat).mul(0.7)).view({n, m});
  };
  at::Tensor targets = at::arange(rows, at::kLong).mul(37).remainder(vocabulary);
  targets.narrow(0, 100, 50).fill_(kNoTarget);
  const auto run = [&](bool ours) {
    const auto dtype = ours ? at::kFloat : at::kDouble;
    const at::Tensor hidden = wave(rows, d).to(dtype).requires_grad_(true);
    const at::Tensor head = wave(vocabulary, d).to(dtype).requires_grad_(true);
    const at::Tensor loss = ours ? head_cross_entropy(hidden, head, targets, 0.5)
                                 : at::cross_entropy_loss(at::linear(hidden, head), targets, {},
                                                          at::Reduction::Sum, kNoTarget) *
                                       0.5;
    (loss * 3).backward();
    return std::vector<at::Tensor>{loss.detach(), hidden.grad(), head.grad()};
  };
  const auto found = run(true), wanted = run(false);
  for (std::size_t i = 0; i < 3; ++i) {
    const double scale = wanted[i].abs().max().item<double>();
    EXPECT_LT((found[i] - wanted[i]).abs().max().item<double>(), 1e-5 * scale) << i;
  }
}

}  // namespace
}  // namespace vlsweep
