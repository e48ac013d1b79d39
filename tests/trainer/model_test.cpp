// The model against transformers and peft: logits, greedy tokens, gradients, training steps.
#include "tests/trainer/golden.h"
#include "worker/trainer/architecture/architecture.h"
#include "worker/trainer/model/cached_decode.h"
#include "worker/trainer/model/lora.h"

namespace vlsweep {
namespace {

constexpr double kLogitTolerance = 1e-4;

struct Case {
  const char* folder;
  bool vision;
};
void PrintTo(const Case& value, std::ostream* stream) { *stream << value.folder; }

class GoldenModel : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto folder = golden::folder(GetParam().folder);
    model_ = golden::load(folder);
    ASSERT_NE(model_, nullptr);
    json_ = golden::read_json(folder / "golden.json");
    ids_ = golden::ids(json_["input_ids"]);
    labels_ = golden::ids(json_["labels"]);
    lengths_ = json_["lengths"].get<std::vector<std::int64_t>>();
    wanted_ = golden::tensor(folder / "values.safetensors", "logits");
    if (GetParam().vision) images_ = golden::pixels(2, 16);
  }

  // The embeddings of each row's own tokens from `begin` on, at most `count` of them, one row after
  // another, as segments of slots 2 and 0.
  at::Tensor embedded(std::int64_t begin, std::int64_t count, std::vector<CacheSegment>& segments) {
    at::Tensor projected;
    if (images_.defined()) projected = model_->project(model_->image_features(images_));
    const at::Tensor all = model_->embed(ids_, projected);
    std::vector<at::Tensor> rows;
    segments.clear();
    for (std::int64_t b = 0; b < 2; ++b) {
      const std::int64_t own = std::min(count, lengths_[static_cast<std::size_t>(b)] - begin);
      segments.push_back({2 - 2 * b, begin, own});
      rows.push_back(all[b].narrow(0, begin, own));
    }
    return at::cat(rows);
  }

  // Greedy tokens with a cache; rows of different lengths in one batch.
  std::vector<std::vector<std::int64_t>> greedy(std::int64_t count) {
    const at::NoGradGuard no_grad;
    StaticKvCache cache(model_->config().text, 3, ids_.size(1) + count, model_->options());
    std::vector<CacheSegment> segments;
    const at::Tensor prompts = embedded(0, ids_.size(1), segments);
    const at::Tensor hidden = decode_cached(model_->language_model, prompts, segments, cache);
    at::Tensor last = at::stack({hidden[lengths_[0] - 1], hidden[lengths_[0] + lengths_[1] - 1]});
    std::vector<std::vector<std::int64_t>> tokens(2);
    for (std::int64_t step = 0;; ++step) {
      const at::Tensor next = model_->logits(last).argmax(-1);
      for (std::size_t b = 0; b < 2; ++b)
        tokens[b].push_back(next[static_cast<std::int64_t>(b)].item<std::int64_t>());
      if (step + 1 == count) return tokens;
      for (CacheSegment& segment : segments)
        segment = {segment.slot, segment.start + segment.length, 1};
      last = decode_cached(model_->language_model, model_->embed(next, {}), segments, cache);
    }
  }

  std::unique_ptr<VisionLanguageModel> model_;
  nlohmann::json json_;
  at::Tensor ids_, labels_, wanted_, images_;
  std::vector<std::int64_t> lengths_;
};

TEST_P(GoldenModel, LogitsEqualTransformers) {
  const at::NoGradGuard no_grad;
  EXPECT_LT(golden::difference(golden::logits(*model_, ids_, images_), wanted_, lengths_),
            kLogitTolerance);
}

TEST_P(GoldenModel, GreedyTokensEqualTransformersOneByOne) {
  EXPECT_EQ(greedy(12), json_["greedy"].get<std::vector<std::vector<std::int64_t>>>());
}

TEST_P(GoldenModel, PrefillInPartsEqualsTransformers) {
  const at::NoGradGuard no_grad;
  StaticKvCache cache(model_->config().text, 3, 64, model_->options());
  std::vector<std::vector<at::Tensor>> logits(2);
  for (const auto& [begin, count] : {std::pair(0, 7), {7, 1}, {8, 64}}) {
    std::vector<CacheSegment> segments;
    const at::Tensor tokens = embedded(begin, count, segments);
    const at::Tensor found =
        model_->logits(decode_cached(model_->language_model, tokens, segments, cache));
    logits[0].push_back(found.narrow(0, 0, segments[0].length));
    logits[1].push_back(found.narrow(0, segments[0].length, segments[1].length));
  }
  for (std::size_t b = 0; b < 2; ++b) {
    const at::Tensor found = at::cat(logits[b]);
    const at::Tensor wanted = wanted_[static_cast<std::int64_t>(b)].narrow(0, 0, lengths_[b]);
    EXPECT_LT((found - wanted).abs().max().item<double>(), kLogitTolerance) << b;
  }
}

TEST_P(GoldenModel, LossAndGradientNormsEqualTransformers) {
  model_->set_trainable(Part::language_model, true);
  if (GetParam().vision) model_->set_trainable(Part::projector, true);
  const at::Tensor loss = golden::loss(*model_, ids_, labels_, images_);
  loss.backward();
  EXPECT_NEAR(loss.item<double>(), json_["loss"].get<double>(), 1e-5 * json_["loss"].get<double>());
  std::size_t compared = 0;
  for (const NamedTensor& tensor : model_->named_tensors()) {
    if (tensor.part == Part::vision_tower) continue;
    const auto name = model_->config().architecture->module_name(tensor.name);
    const at::Tensor gradient =
        tensor.parameter.grad().narrow(0, tensor.first_row, tensor.num_rows);
    ASSERT_TRUE(json_["norms"].contains(name)) << name;
    const double wanted = json_["norms"][name].get<double>();
    EXPECT_NEAR(gradient.norm().item<double>(), wanted, 1e-4 * wanted + 1e-7) << name;
    ++compared;
  }
  EXPECT_EQ(compared, json_["norms"].size());
}

INSTANTIATE_TEST_SUITE_P(Schemes, GoldenModel,
                         testing::Values(Case{"llava", true}, Case{"scheme_a", true},
                                         Case{"scheme_c", true}, Case{"text", false}));

// AdamW as the goldens' (lr, weight decay .01 on everything); losses of `count` steps.
std::vector<double> train(VisionLanguageModel& model, const nlohmann::json& json, double lr,
                          std::size_t count) {
  std::vector<at::Tensor> parameters;
  for (const auto& parameter : model.trainable_parameters()) parameters.push_back(parameter.tensor);
  torch::optim::AdamW optimizer(parameters, torch::optim::AdamWOptions(lr).weight_decay(0.01));
  const at::Tensor ids = golden::ids(json["input_ids"]), labels = golden::ids(json["labels"]);
  std::vector<double> losses;
  while (losses.size() < count) {
    optimizer.zero_grad();
    const at::Tensor loss = golden::loss(model, ids, labels, golden::pixels(2, 16));
    loss.backward();
    optimizer.step();
    losses.push_back(loss.item<double>());
  }
  return losses;
}

void expect_losses(const std::vector<double>& found, const std::vector<double>& wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(found[i], wanted[i], 1e-5 * wanted[i]) << "step " << i;
  }
  EXPECT_LT(wanted.back(), wanted.front());
}

TEST(Training, TwentyStepsOfFullTuningFollowTransformers) {
  const auto model = golden::load(golden::folder("llava"));
  const auto json = golden::read_json(golden::folder("llava") / "golden.json");
  model->set_trainable(Part::language_model, true);
  model->set_trainable(Part::projector, true);
  const auto wanted = json["losses"].get<std::vector<double>>();
  expect_losses(train(*model, json, 1e-3, wanted.size()), wanted);
}

// Puts peft's initial A matrices into a model's LoRA.
void set_lora_start(VisionLanguageModel& model, const std::filesystem::path& path) {
  for (FusedLinear* linear : model.language_linears()) {
    const Lora& lora = *linear->lora;
    for (std::size_t i = 0; i < lora.parts.size(); ++i) {
      const auto& part = linear->parts[lora.parts[i].part].name;
      const auto name = "base_model.model." + model.config().architecture->module_name(part);
      lora.a_of(i).detach().copy_(golden::tensor(path, name + ".lora_A.weight"));
    }
  }
}

TEST(Training, TwentyStepsOfLoraFollowPeft) {
  const auto model = golden::load(golden::folder("llava"));
  const auto json = golden::read_json(golden::folder("llava") / "golden.json");
  attach_lora(*model, {4, 8, 0}, 0);
  set_lora_start(*model, golden::folder("llava") / "lora_start.safetensors");
  const auto wanted = json["lora_losses"].get<std::vector<double>>();
  expect_losses(train(*model, json, 5e-3, wanted.size()), wanted);
}

TEST(Lora, StartsAsTheBaseAndMergesToWhatItComputes) {
  const auto model = golden::load(golden::folder("llava"));
  const at::Tensor ids =
      golden::ids(golden::read_json(golden::folder("llava") / "golden.json")["input_ids"]);
  const at::NoGradGuard no_grad;
  const at::Tensor base = golden::logits(*model, ids, golden::pixels(2, 16));
  attach_lora(*model, {4, 8, 0.5}, 3);
  EXPECT_TRUE(at::equal(golden::logits(*model, ids, golden::pixels(2, 16)), base));
  std::int64_t seed = 0;
  for (FusedLinear* linear : model->language_linears()) {
    EXPECT_LE(linear->lora->a.abs().max().item<double>(), 1 / std::sqrt(linear->weight.size(1)));
    for (const LoraPart& part : linear->lora->parts) {
      const at::Tensor& b = part.b;
      b.copy_(
          at::sin(at::arange(b.numel(), at::kFloat).view(b.sizes()) + static_cast<double>(++seed)) *
          0.1);
    }
  }
  const at::Tensor adapted = golden::logits(*model, ids, golden::pixels(2, 16));
  EXPECT_GT((adapted - base).abs().max().item<double>(), 0.1);
  merge_lora(*model);
  EXPECT_FALSE(model->has_lora());
  const at::Tensor merged = golden::logits(*model, ids, golden::pixels(2, 16));
  EXPECT_LT((merged - adapted).abs().max().item<double>(), kLogitTolerance);
}

TEST(Lora, DropoutActsInTrainingAlone) {
  const auto model = golden::load(golden::folder("llava"));
  attach_lora(*model, {4, 8, 0.5}, 3);
  const at::NoGradGuard no_grad;
  for (FusedLinear* linear : model->language_linears()) {
    for (const LoraPart& part : linear->lora->parts) part.b.fill_(0.1);
  }
  const at::Tensor ids = at::arange(3, 11).unsqueeze(0);
  const auto run = [&] { return golden::logits(*model, ids, {}); };
  EXPECT_TRUE(at::equal(run(), run()));
  const at::Tensor plain = run();
  model->set_training(true);
  const at::Tensor first = run();
  EXPECT_FALSE(at::equal(first, plain));
  EXPECT_TRUE(at::equal(run(), first));  // the same key
  for (const DropoutKey& key : {DropoutKey{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}) {
    model->set_dropout_key(key);
    EXPECT_FALSE(at::equal(run(), first));
  }
}

TEST(VisionLanguageModel, ImagePositionsAndEmbeddingsMustAgree) {
  const auto model = golden::load(golden::folder("llava"));
  const at::Tensor ids = at::tensor({1, 300, 300, 5}, at::kLong).unsqueeze(0);
  EXPECT_THROW(model->embed(ids, at::zeros({3, 32})), c10::Error);
}

TEST(VisionLanguageModel, RandomWeightsDependOnTheSeedAlone) {
  const auto config = load_config(golden::folder("llava"));
  ASSERT_TRUE(config) << config.error().text();
  const auto first = make_random_model(*config, 7, {}), same = make_random_model(*config, 7, {});
  const auto other = make_random_model(*config, 8, {});
  const auto& weight = [](const VisionLanguageModel& model) {
    return model.language_model.layers[1].down.weight;
  };
  EXPECT_TRUE(at::equal(weight(*first), weight(*same)));
  EXPECT_FALSE(at::equal(weight(*first), weight(*other)));
  EXPECT_NEAR(weight(*first).std().item<double>(), 0.5 / std::sqrt(48.0), 0.005);
}

TEST(VisionLanguageModel, RunsInBfloat16NearFloat32) {
  auto model = load_checkpoint(golden::folder("text"), at::kBFloat16, at::kCPU);
  ASSERT_TRUE(model) << model.error().text();
  const auto json = golden::read_json(golden::folder("text") / "golden.json");
  const at::NoGradGuard no_grad;
  const at::Tensor found =
      golden::logits(**model, golden::ids(json["input_ids"]), {}).to(at::kFloat);
  const at::Tensor wanted = golden::tensor(golden::folder("text") / "values.safetensors", "logits");
  EXPECT_LT((found - wanted).abs().mean().item<double>(),
            0.05 * wanted.abs().mean().item<double>());
}

}  // namespace
}  // namespace vlsweep
