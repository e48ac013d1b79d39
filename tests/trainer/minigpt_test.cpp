// MiniGPT-v2 against the official code (golden/make_minigpt_golden.py): the folder that the
// converter made, loaded, run, trained and saved again.
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "orchestrator/base/file.h"
#include "tests/trainer/golden.h"
#include "worker/trainer/architecture/architecture.h"
#include "worker/trainer/model/lora.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kImageSize = 24;

fs::path folder() { return golden::folder("minigpt_v2"); }
nlohmann::json wanted() { return golden::read_json(folder() / "golden.json"); }
at::Tensor value(const std::string& name) {
  return golden::tensor(folder() / "values.safetensors", name);
}
double gap(const at::Tensor& found, const at::Tensor& wanted) {
  return (found - wanted).abs().max().item<double>();
}

// The padded positions have no image: their embeddings are an unknown token's.
at::Tensor batch_logits(const VisionLanguageModel& model, const nlohmann::json& golden) {
  return golden::logits(model, golden::ids(golden["input_ids"]), golden::pixels(2, kImageSize));
}

struct Scratch {
  fs::path path = fs::temp_directory_path() / ("minigpt-" + std::to_string(::getpid()));
  Scratch() { fs::create_directories(path); }
  ~Scratch() { fs::remove_all(path); }
};

TEST(MiniGpt, ConfigIsReadWithTheArchitecturesOwnDefaults) {
  const auto config = load_config(folder());
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->architecture->name, "minigpt_v2");
  EXPECT_EQ(config->architecture->image_mode, "stretch");
  EXPECT_EQ(config->vision->image_size, kImageSize);
  EXPECT_EQ(config->vision->positions, 9);
  EXPECT_EQ(config->image_token, config->text.vocab_size);
  const auto published = parse_config(
      R"({"model_type": "minigpt_v2", "text_config": {"model_type": "llama"},
          "vision_config": {"model_type": "blip_2_vision_model"}})",
      "config.json");
  ASSERT_TRUE(published) << published.error().text();
  EXPECT_EQ(published->vision->image_size, 448);
  EXPECT_EQ(published->vision->positions, 256);
  EXPECT_EQ(published->vision->feature_size, 4 * 1408);
}

TEST(MiniGpt, ConfigsThatDoNotFitAreRefusedByName) {
  struct Case {
    const char* path;  // JSON pointer
    nlohmann::json value;
    const char* said;
  };
  const std::vector<Case> cases{
      {"/text_config", 3, "text_config"},
      {"/vision_config", nullptr, "vision_config"},
      {"/text_config/model_type", "gpt2", "gpt2"},
      {"/vision_config/model_type", "clip_vision_model", "clip_vision_model"},
      {"/vision_config/hidden_act", "quick_gelu", "quick_gelu"},
      {"/vision_config/num_attention_heads", 3, "num_attention_heads"},
      {"/vision_config/image_size", 25, "multiple of patch_size"},
      {"/vision_config/qkv_bias", false, "qkv_bias"},
      {"/vision_tokens_merged", 5, "36 patches cannot be merged by 5"},
      {"/vision_tokens_merged", 0, "vision_tokens_merged"},
      {"/image_token_index", -1, "image_token_index"}};
  for (const Case& each : cases) {
    nlohmann::json config = golden::read_json(folder() / "config.json");
    config[nlohmann::json::json_pointer(each.path)] = each.value;
    const auto parsed = parse_config(config.dump(), "x/config.json");
    ASSERT_FALSE(parsed) << each.path;
    EXPECT_NE(parsed.error().message.find(each.said), std::string::npos) << parsed.error().text();
    EXPECT_EQ(parsed.error().where, "x/config.json");
  }
}

TEST(MiniGpt, FeaturesAndEmbeddingsEqualTheOfficialCodes) {
  const auto model = golden::load(folder());
  ASSERT_TRUE(model);
  const at::Tensor features = model->image_features(golden::pixels(2, kImageSize));
  ASSERT_EQ(features.sizes(), (std::vector<std::int64_t>{2, 9, 64}));
  EXPECT_LT(gap(features, value("features").view({2, 9, 64})), 1e-5);
  EXPECT_LT(gap(model->project(features), value("projected")), 1e-5);
}

TEST(MiniGpt, LogitsEqualTheOfficialCodes) {
  const auto model = golden::load(folder());
  ASSERT_TRUE(model);
  const auto golden = wanted();
  const at::Tensor found = batch_logits(*model, golden), logits = value("logits");
  constexpr std::int64_t kStep = 4;  // every fourth position is kept
  std::int64_t compared = 0;
  for (std::int64_t row = 0; row < 2; ++row) {
    const auto length = golden["lengths"][static_cast<std::size_t>(row)].get<std::int64_t>();
    for (std::int64_t at = 0; at < length; at += kStep, ++compared) {
      EXPECT_LT(gap(found[row][at], logits[row][at / kStep]), 1e-4) << row << ' ' << at;
    }
  }
  EXPECT_GT(compared, 30);
}

TEST(MiniGpt, LossAndEveryGradientEqualTheOfficialCodes) {
  const auto model = golden::load(folder());
  ASSERT_TRUE(model);
  const auto golden = wanted();
  for (Part part : {Part::vision_tower, Part::projector, Part::language_model}) {
    model->set_trainable(part, true);
  }
  const at::Tensor ids = golden::ids(golden["input_ids"]), labels = golden::ids(golden["labels"]);
  const at::Tensor projected = model->project(model->tower_features(golden::pixels(2, kImageSize)));
  const at::Tensor logits = model->logits(model->decode(model->embed(ids, projected)));
  const at::Tensor loss = at::cross_entropy_loss(
      logits.narrow(1, 0, logits.size(1) - 1).flatten(0, 1),
      labels.narrow(1, 1, labels.size(1) - 1).flatten(), {}, at::Reduction::Mean, -100);
  EXPECT_NEAR(loss.item<double>(), golden["loss"].get<double>(), 1e-5);
  loss.backward();
  std::map<std::string, double> norms;
  for (const NamedTensor& tensor : model->named_tensors()) {
    ASSERT_TRUE(tensor.parameter.grad().defined()) << tensor.name;
    const at::Tensor own = tensor.parameter.grad().narrow(0, tensor.first_row, tensor.num_rows);
    norms[tensor.name] = own.norm().item<double>();
    if (tensor.name.ends_with("qkv.bias")) {
      const std::int64_t d = own.size(0) / 3;
      EXPECT_EQ(own.narrow(0, d, d).abs().max().item<double>(), 0) << tensor.name;
    }
  }
  EXPECT_EQ(norms.size(), golden["norms"].size());
  for (const auto& [name, norm] : golden["norms"].items()) {
    EXPECT_NEAR(norms[name], norm.get<double>(), 1e-4 * (1 + norm.get<double>())) << name;
  }
}

TEST(MiniGpt, AFrozenPartHasNoGradient) {
  const auto model = golden::load(folder());
  ASSERT_TRUE(model);
  const auto golden = wanted();
  model->set_trainable(Part::projector, true);
  golden::loss(*model, golden::ids(golden["input_ids"]), golden::ids(golden["labels"]),
               golden::pixels(2, kImageSize))
      .backward();
  for (const NamedTensor& tensor : model->named_tensors()) {
    EXPECT_EQ(tensor.parameter.grad().defined(), tensor.part == Part::projector) << tensor.name;
  }
}

TEST(MiniGpt, GreedyTokensEqualTheOfficialCodes) {
  const auto model = golden::load(folder());
  ASSERT_TRUE(model);
  const at::NoGradGuard no_grad;
  const auto greedy = wanted()["greedy"];
  const at::Tensor images = golden::pixels(2, kImageSize);
  for (std::size_t row = 0; row < 2; ++row) {
    auto ids = greedy["ids"][row].get<std::vector<std::int64_t>>();
    std::vector<std::int64_t> tokens;
    const auto count = greedy["tokens"][row].size();
    const at::Tensor image = images.narrow(0, static_cast<std::int64_t>(row), 1);
    while (tokens.size() < count) {
      const at::Tensor logits =
          golden::logits(*model, at::tensor(ids, at::kLong).unsqueeze(0), image);
      tokens.push_back(logits[0][-1].argmax().item<std::int64_t>());
      ids.push_back(tokens.back());
    }
    EXPECT_EQ(tokens, greedy["tokens"][row].get<std::vector<std::int64_t>>());
  }
}

// A new LoRA on q and v as peft began it for the official code, scale 6 / 4.
void attach_start(VisionLanguageModel& model) {
  attach_lora(model, {.rank = 4, .alpha = 6, .targets = {"q_proj", "v_proj"}}, 0);
  std::size_t set = 0;
  for (FusedLinear* linear : model.language_linears()) {
    if (!linear->lora) continue;
    for (std::size_t i = 0; i < linear->lora->parts.size(); ++i, ++set) {
      const auto& part = linear->parts[linear->lora->parts[i].part].name;
      const auto name = "base_model.model." + model.config().architecture->module_name(part);
      linear->lora->a_of(i).detach().copy_(value(name + ".lora_A.weight"));
    }
  }
  EXPECT_EQ(set, 4U);
}

TEST(MiniGpt, TwentyStepsOfLoraFollowTheOfficialCode) {
  const auto model = golden::load(folder());
  ASSERT_TRUE(model);
  attach_start(*model);
  const auto golden = wanted();
  // runner_base.optimizer: no decay of biases.
  using Options = torch::optim::AdamWOptions;
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (const auto& parameter : model->trainable_parameters()) {
    auto options = std::make_unique<Options>(5e-3);
    options->weight_decay(parameter.decays ? 0.05 : 0);
    groups.emplace_back(std::vector{parameter.tensor}, std::move(options));
  }
  torch::optim::AdamW optimizer(groups, Options(5e-3));
  const at::Tensor ids = golden::ids(golden["input_ids"]), labels = golden::ids(golden["labels"]);
  for (const auto& loss : golden["lora_losses"]) {
    optimizer.zero_grad();
    const at::Tensor found = golden::loss(*model, ids, labels, golden::pixels(2, kImageSize));
    found.backward();
    optimizer.step();
    EXPECT_NEAR(found.item<double>(), loss.get<double>(), 1e-5 * loss.get<double>());
  }
}

TEST(MiniGpt, AnAdapterHasPeftsNamesAndComesBack) {
  const Scratch scratch;
  const auto model = golden::load(folder());
  ASSERT_TRUE(model);
  attach_start(*model);
  const at::NoGradGuard no_grad;
  for (const auto& parameter : model->trainable_parameters()) parameter.tensor.add_(0.05);
  ASSERT_TRUE(save_adapter(*model, scratch.path, folder(), folder()));
  const auto again = golden::load(scratch.path);
  ASSERT_TRUE(again);
  EXPECT_LT(gap(batch_logits(*again, wanted()), batch_logits(*model, wanted())), 1e-4);
  const auto file = SafetensorsFile::open(scratch.path / "adapter_model.safetensors");
  ASSERT_TRUE(file) << file.error().text();
  // Those that the converter writes with --adapter too (convert_minigpt_test.py).
  const std::string layer = "base_model.model.model.language_model.layers.1.self_attn.";
  for (const char* name : {"q_proj.lora_A.weight", "v_proj.lora_B.weight"}) {
    EXPECT_NE(file->find(layer + name), nullptr) << name;
  }
  EXPECT_EQ(file->find(layer + "k_proj.lora_A.weight"), nullptr);
}

TEST(MiniGpt, WhatIsSavedIsTheSameFolderAgain) {
  const Scratch scratch;
  const auto model = golden::load(folder());
  ASSERT_TRUE(model);
  ASSERT_TRUE(save_checkpoint(*model, scratch.path, folder()));
  const auto again = golden::load(scratch.path);
  ASSERT_TRUE(again);
  EXPECT_EQ(gap(batch_logits(*again, wanted()), batch_logits(*model, wanted())), 0);
  const auto config = golden::read_json(scratch.path / "config.json");
  const auto converted = golden::read_json(folder() / "config.json");
  for (const auto& [key, value] : converted.items()) {
    if (key == "text_config" || key == "pad_token_id") continue;
    EXPECT_EQ(config[key], value) << key;
  }
  for (const auto& [key, value] : converted["text_config"].items()) {
    EXPECT_EQ(config["text_config"][key], value) << key;
  }
  // Without a source that has one, the processor's settings are written.
  ASSERT_TRUE(fs::remove(scratch.path / "preprocessor_config.json"));
  ASSERT_TRUE(save_checkpoint(*model, scratch.path, scratch.path));
  EXPECT_EQ(golden::read_json(scratch.path / "preprocessor_config.json"),
            golden::read_json(folder() / "preprocessor_config.json"));
}

TEST(MiniGpt, HalfPrecisionStaysClose) {
  const auto golden = wanted();
  const at::Tensor exact = value("features").view({2, 9, 64});
  for (const auto& [dtype, tolerance] : {std::pair(at::kHalf, 0.02), {at::kBFloat16, 0.15}}) {
    const auto model = load_checkpoint(folder(), dtype, at::kCPU);
    ASSERT_TRUE(model) << model.error().text();
    const at::Tensor features = (*model)->image_features(golden::pixels(2, kImageSize));
    EXPECT_EQ(features.scalar_type(), dtype);
    EXPECT_LT(gap(features.to(at::kFloat), exact), tolerance);
    EXPECT_EQ((*model)->project(features).scalar_type(), dtype);
  }
}

}  // namespace
}  // namespace vlsweep
