// More of the model against transformers and peft: files as transformers 5 shards and names them, a
// trained tower's gradients, bfloat16, adapters with patterns. See also model_test.cpp.
#include "tests/trainer/golden.h"
#include "worker/trainer/architecture/architecture.h"

namespace vlsweep {
namespace {

constexpr double kLogitTolerance = 1e-4;

struct Case {
  const char* folder;
  bool vision;
};
void PrintTo(const Case& value, std::ostream* stream) { *stream << value.folder; }

class Parity : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    folder_ = golden::folder(GetParam().folder);
    json_ = golden::read_json(folder_ / "golden.json");
    ids_ = golden::ids(json_["input_ids"]);
    labels_ = golden::ids(json_["labels"]);
    lengths_ = json_["lengths"].get<std::vector<std::int64_t>>();
    if (GetParam().vision) images_ = golden::pixels(2, 16);
  }

  at::Tensor golden_logits(const char* name) const {
    return golden::tensor(folder_ / "values.safetensors", name).to(at::kFloat);
  }
  // Mean distance over the rows' own positions.
  double mean_distance(const at::Tensor& first, const at::Tensor& second) const {
    double sum = 0;
    for (std::size_t b = 0; b < lengths_.size(); ++b) {
      const auto row = static_cast<std::int64_t>(b);
      const at::Tensor gap =
          first[row].narrow(0, 0, lengths_[b]) - second[row].narrow(0, 0, lengths_[b]);
      sum += gap.abs().mean().item<double>();
    }
    return sum / static_cast<double>(lengths_.size());
  }

  std::filesystem::path folder_;
  nlohmann::json json_;
  at::Tensor ids_, labels_, images_;
  std::vector<std::int64_t> lengths_;
};

TEST_P(Parity, LogitsEqualTransformers) {
  const at::NoGradGuard no_grad;
  const auto model = golden::load(folder_);
  ASSERT_NE(model, nullptr);
  const at::Tensor found = golden::logits(*model, ids_, images_);
  EXPECT_LT(golden::difference(found, golden_logits("logits"), lengths_), kLogitTolerance);
}

// Rounding differs between two correct programs: ours may stray from float32 as far as
// transformers' does, and the two from each other no further than both strays together.
TEST_P(Parity, Bfloat16IsAsNearToFloat32AsTransformers) {
  const at::NoGradGuard no_grad;
  const auto model = load_checkpoint(folder_, at::kBFloat16, at::kCPU);
  ASSERT_TRUE(model) << model.error().text();
  const at::Tensor found = golden::logits(**model, ids_, images_).to(at::kFloat);
  const at::Tensor exact = golden_logits("logits"), theirs = golden_logits("bfloat16_logits");
  const double stray = mean_distance(theirs, exact);
  EXPECT_GT(stray, 0);
  EXPECT_LT(mean_distance(found, exact), 1.3 * stray);
  EXPECT_LT(mean_distance(found, theirs), 2 * stray);
}

INSTANTIATE_TEST_SUITE_P(Schemes, Parity,
                         testing::Values(Case{"scheme_b5", true}, Case{"llava", true},
                                         Case{"scheme_a", true}, Case{"scheme_c", true},
                                         Case{"text", false}));

// The name that transformers 5 has for a tower's tensor.
std::string tower_name(const VisionLanguageModel& model, const NamedTensor& tensor) {
  std::string name = model.config().architecture->module_name(tensor.name);
  constexpr std::string_view kOld = "vision_model.";
  if (const auto at = name.find(kOld); at != std::string::npos) name.erase(at, kOld.size());
  return name;
}

using Tower = Parity;

TEST_P(Tower, GradientNormsEqualTransformers) {
  const auto model = golden::load(folder_);
  ASSERT_NE(model, nullptr);
  model->set_trainable(Part::vision_tower, true);
  const at::Tensor projected = model->project(model->tower_features(images_));
  const at::Tensor all = model->logits(model->decode(model->embed(ids_, projected)));
  const at::Tensor shifted = all.narrow(1, 0, all.size(1) - 1).flatten(0, 1);
  at::cross_entropy_loss(shifted, labels_.narrow(1, 1, labels_.size(1) - 1).flatten(), {},
                         at::Reduction::Mean, -100)
      .backward();
  std::size_t compared = 0;
  for (const NamedTensor& tensor : model->named_tensors()) {
    if (tensor.part != Part::vision_tower) continue;
    const std::string name = tower_name(*model, tensor);
    const at::Tensor gradient = tensor.parameter.grad();
    const bool used = json_["tower_norms"].contains(name);
    // The last layer and what lies behind it are not run (features are hidden_states[-2]).
    ASSERT_EQ(gradient.defined(), used) << name;
    if (!used) continue;
    const double wanted = json_["tower_norms"][name].get<double>();
    const double found =
        gradient.narrow(0, tensor.first_row, tensor.num_rows).norm().item<double>();
    // A key's bias changes nothing: its gradient is rounding alone.
    EXPECT_NEAR(found, wanted, 1e-4 * wanted + 1e-6) << name;
    ++compared;
  }
  EXPECT_EQ(compared, json_["tower_norms"].size());
}

INSTANTIATE_TEST_SUITE_P(Schemes, Tower,
                         testing::Values(Case{"scheme_b5", true}, Case{"llava", true}));

// rsLoRA, three targets, a rank and an alpha of their own.
TEST(Adapter, PatternsAndRsloraComputeAsPeft) {
  const at::NoGradGuard no_grad;
  const auto folder = golden::folder("text");
  const auto json = golden::read_json(folder / "golden.json");
  const auto model = golden::load(folder / "adapter");
  ASSERT_NE(model, nullptr);
  const at::Tensor found = golden::logits(*model, golden::ids(json["input_ids"]), {});
  const at::Tensor wanted = golden::tensor(folder / "adapter/values.safetensors", "logits");
  EXPECT_LT(golden::difference(found, wanted, {9, 9}), kLogitTolerance);
  const at::Tensor base = golden::tensor(folder / "values.safetensors", "logits");
  EXPECT_GT(golden::difference(wanted, base, {9, 9}), 0.1);
}

}  // namespace
}  // namespace vlsweep
