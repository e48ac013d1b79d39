// Loading and saving whole folders: adapters, bases, misfits, and what is written reads back.
#include <unistd.h>

#include <functional>

#include "orchestrator/base/file.h"
#include "tests/trainer/golden.h"
#include "worker/trainer/format/adapter.h"
#include "worker/trainer/model/lora.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

class Checkpoint : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("checkpoint-" + std::to_string(::getpid()) + "-" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    json_ = golden::read_json(golden::folder("llava") / "golden.json");
    ids_ = golden::ids(json_["input_ids"]);
    lengths_ = json_["lengths"].get<std::vector<std::int64_t>>();
  }
  void TearDown() override { fs::remove_all(folder_); }

  at::Tensor logits(const VisionLanguageModel& model) const {
    const at::NoGradGuard no_grad;
    return golden::logits(model, ids_, golden::pixels(2, 16));
  }
  // A copy of a golden folder whose tensors the test may change before it is loaded.
  fs::path changed_copy(const std::string& name,
                        const std::function<void(std::vector<TensorView>&)>& change) const {
    const fs::path copy = folder_ / name;
    fs::create_directories(copy);
    fs::copy_file(golden::folder(name) / "config.json", copy / "config.json");
    auto file = SafetensorsFile::open(golden::folder(name) / "model.safetensors");
    std::vector<TensorView> tensors = file->tensors();
    change(tensors);
    EXPECT_TRUE(write_safetensors(copy / "model.safetensors", tensors));
    return copy;
  }

  fs::path folder_;
  nlohmann::json json_;
  at::Tensor ids_;
  std::vector<std::int64_t> lengths_;
};

// Gives every LoRA matrix and the projector new values.
void disturb(VisionLanguageModel& model) {
  const at::NoGradGuard no_grad;
  double phase = 0;
  const auto add = [&](const at::Tensor& tensor) {
    phase += 1;
    tensor.detach().add_(
        at::sin(at::arange(tensor.numel(), at::kFloat).view(tensor.sizes()) + phase), 0.1);
  };
  for (const auto& parameter : model.trainable_parameters()) add(parameter.tensor);
}

TEST_F(Checkpoint, PeftAdapterIsMergedIntoItsBaseWithItsProjector) {
  const fs::path adapter = golden::folder("llava") / "adapter";
  const auto model = golden::load(adapter);
  const at::Tensor wanted = golden::tensor(adapter / "values.safetensors", "logits");
  EXPECT_LT(golden::difference(logits(*model), wanted, lengths_), 1e-4);
  EXPECT_EQ(*tokenizer_folder(adapter), golden::folder("llava/"));
}

TEST_F(Checkpoint, SavedModelReadsBackBitForBit) {
  const auto model = golden::load(golden::folder("llava"));
  ASSERT_TRUE(save_checkpoint(*model, folder_ / "saved", golden::folder("llava")));
  const auto again = golden::load(folder_ / "saved");
  EXPECT_TRUE(at::equal(logits(*again), logits(*model)));
  for (const char* name : {"tokenizer.model", "tokenizer_config.json", "generation_config.json",
                           "preprocessor_config.json", "processor_config.json"}) {
    EXPECT_TRUE(fs::exists(folder_ / "saved" / name)) << name;
  }
}

TEST_F(Checkpoint, SavedAdapterComputesWhatTheModelComputed) {
  const auto model = golden::load(golden::folder("llava"));
  attach_lora(*model, {4, 12, 0}, 3);
  disturb(*model);
  const at::Tensor wanted = logits(*model);
  const fs::path base = fs::relative(golden::folder("llava"), folder_ / "adapter");
  ASSERT_TRUE(save_adapter(*model, folder_ / "adapter", base, golden::folder("llava")));
  EXPECT_LT(golden::difference(logits(*golden::load(folder_ / "adapter")), wanted, lengths_), 1e-4);
  // An adapter on top of it, and the whole merged into one checkpoint.
  const auto second = golden::load(folder_ / "adapter");
  attach_lora(*second, {2, 2, 0}, 4);
  disturb(*second);
  const at::Tensor wanted_second = logits(*second);
  ASSERT_TRUE(save_adapter(*second, folder_ / "upon", "../adapter", folder_ / "adapter"));
  EXPECT_LT(golden::difference(logits(*golden::load(folder_ / "upon")), wanted_second, lengths_),
            1e-4);
  ASSERT_TRUE(save_checkpoint(*second, folder_ / "merged", folder_ / "adapter"));
  EXPECT_TRUE(second->has_lora());
  EXPECT_LT(golden::difference(logits(*golden::load(folder_ / "merged")), wanted_second, lengths_),
            1e-4);
}

TEST_F(Checkpoint, TextModelKeepsItsOwnNamesAndTies) {
  const auto model = golden::load(golden::folder("text"));
  ASSERT_TRUE(save_checkpoint(*model, folder_ / "saved", golden::folder("text")));
  const auto file = SafetensorsFile::open(folder_ / "saved/model.safetensors");
  EXPECT_NE(file->find("model.embed_tokens.weight"), nullptr);
  EXPECT_EQ(file->find("lm_head.weight"), nullptr);
  const at::NoGradGuard no_grad;
  const at::Tensor ids = at::arange(3, 12).unsqueeze(0);
  EXPECT_TRUE(at::equal(golden::logits(*golden::load(folder_ / "saved"), ids, {}),
                        golden::logits(*model, ids, {})));
}

TEST_F(Checkpoint, MappedParametersMayBeTrainedAndTheFileStays) {
  const auto first = golden::load(golden::folder("llava"));
  ASSERT_TRUE(save_checkpoint(*first, folder_ / "saved", golden::folder("llava")));
  const std::string before = *read_file(folder_ / "saved/model.safetensors", 1 << 24);
  const at::Tensor wanted = logits(*first);
  {
    const auto model = golden::load(folder_ / "saved");
    // q/k/v lie one behind the other in what vlsweep saves: mapped, not copied.
    const auto file = SafetensorsFile::open(folder_ / "saved/model.safetensors");
    EXPECT_EQ(file->find("language_model.model.layers.0.self_attn.q_proj.weight")->bytes.data() +
                  model->language_model.layers[0].qkv.parts[0].num_rows * 32 * 4,
              file->find("language_model.model.layers.0.self_attn.k_proj.weight")->bytes.data());
    model->set_trainable(Part::language_model, true);
    disturb(*model);
    EXPECT_FALSE(at::equal(logits(*model), wanted));
  }
  EXPECT_EQ(*read_file(folder_ / "saved/model.safetensors", 1 << 24), before);
  // A model outlives its file.
  const auto model = golden::load(folder_ / "saved");
  fs::remove(folder_ / "saved/model.safetensors");
  EXPECT_TRUE(at::equal(logits(*model), wanted));
}

TEST_F(Checkpoint, ATowerInAFolderOfItsOwnIsFoundByItsPath) {
  // scheme_a with its tower cut out into a CLIP folder, as liuhaotian's releases refer to it.
  auto whole = SafetensorsFile::open(golden::folder("scheme_a") / "model.safetensors");
  auto config = golden::read_json(golden::folder("scheme_a") / "config.json");
  nlohmann::json flat = config["text_config"];
  flat.update({{"model_type", "llava_llama"},
               {"mm_vision_tower", "../clip"},
               {"mm_projector_type", "mlp2x_gelu"},
               {"mm_vision_select_layer", config["vision_feature_layer"]}});
  const std::string prefix = "model.vision_tower.vision_tower.";
  std::vector<TensorView> tower, rest;
  for (TensorView view : whole->tensors()) {
    const bool of_tower = view.name.starts_with(prefix);
    if (of_tower) view.name.erase(0, prefix.size());
    (of_tower ? tower : rest).push_back(view);
  }
  const float text_half = 1;
  tower.push_back({"logit_scale", TensorType::f32, {}, std::as_bytes(std::span(&text_half, 1))});
  for (const char* name : {"clip", "llava"}) fs::create_directories(folder_ / name);
  ASSERT_TRUE(write_safetensors(folder_ / "clip/model.safetensors", tower));
  ASSERT_TRUE(write_safetensors(folder_ / "llava/model.safetensors", rest));
  const nlohmann::json clip = {{"model_type", "clip"}, {"vision_config", config["vision_config"]}};
  ASSERT_TRUE(write_file_durably(folder_ / "clip/config.json", clip.dump()));
  ASSERT_TRUE(write_file_durably(folder_ / "llava/config.json", flat.dump()));
  const auto found = golden::load(folder_ / "llava"),
             wanted = golden::load(golden::folder("scheme_a"));
  const at::Tensor images = golden::pixels(2, 16);
  EXPECT_TRUE(at::equal(found->project(found->image_features(images)),
                        wanted->project(wanted->image_features(images))));
  flat["mm_vision_tower"] = "openai/clip-vit-large-patch14-336";
  ASSERT_TRUE(write_file_durably(folder_ / "llava/config.json", flat.dump()));
  const auto lost = load_checkpoint(folder_ / "llava", at::kFloat, at::kCPU);
  ASSERT_FALSE(lost);
  EXPECT_NE(lost.error().message.find("openai/clip-vit-large-patch14-336"), std::string::npos)
      << lost.error().text();
}

TEST_F(Checkpoint, EveryMisfittingTensorIsNamedInOneError) {
  const fs::path copy = changed_copy("llava", [](std::vector<TensorView>& tensors) {
    for (TensorView& tensor : tensors) {
      if (tensor.name.ends_with("layers.0.mlp.up_proj.weight")) tensor.name = "surprise.weight";
      if (tensor.name.ends_with("layers.1.mlp.down_proj.weight"))
        std::swap(tensor.shape[0], tensor.shape[1]);
    }
  });
  const auto loaded = load_checkpoint(copy, at::kFloat, at::kCPU);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Errc::invalid);
  const std::string text = loaded.error().text();
  for (const char* part :
       {"missing: language_model.model.layers.0.mlp.up_proj.weight", "unexpected: surprise.weight",
        "layers.1.mlp.down_proj.weight [48, 32]", "instead of [32, 48]"}) {
    EXPECT_NE(text.find(part), text.npos) << text;
  }
  EXPECT_TRUE(text.starts_with(copy.string())) << text;
}

TEST_F(Checkpoint, MissingFilesAreNamed) {
  fs::copy_file(golden::folder("llava") / "config.json", folder_ / "config.json");
  const auto weights = load_checkpoint(folder_, at::kFloat, at::kCPU);
  EXPECT_EQ(weights.error().code, Errc::not_found);
  EXPECT_NE(weights.error().message.find("model.safetensors"), std::string::npos);
  const auto nothing = load_checkpoint(folder_ / "nowhere", at::kFloat, at::kCPU);
  EXPECT_EQ(nothing.error().code, Errc::not_found);
}

TEST_F(Checkpoint, AdaptersThatNameThemselvesOrNoBaseAreRefused) {
  AdapterConfig config;
  config.base = ".";
  ASSERT_TRUE(
      write_file_durably(folder_ / "adapter_config.json", adapter_config_json(config, false)));
  EXPECT_EQ(load_checkpoint(folder_, at::kFloat, at::kCPU).error().code, Errc::invalid);
  config.base = "../not-there";
  ASSERT_TRUE(
      write_file_durably(folder_ / "adapter_config.json", adapter_config_json(config, false)));
  const auto lost = load_checkpoint(folder_, at::kFloat, at::kCPU);
  EXPECT_EQ(lost.error().code, Errc::not_found);
  EXPECT_NE(lost.error().message.find("not-there"), std::string::npos);
}

TEST_F(Checkpoint, AdapterFeaturesThatChangeResultsAreRefusedByName) {
  for (const char* member :
       {"\"use_dora\": true", "\"rank_pattern\": {\"a.*b\": 2}", "\"bias\": \"all\"",
        "\"init_lora_weights\": \"pissa\"", "\"fan_in_fan_out\": true", "\"new_idea\": 1"}) {
    const std::string text = "{\"base_model_name_or_path\": \"x\", " + std::string(member) + "}";
    ASSERT_TRUE(write_file_durably(folder_ / "adapter_config.json", text));
    const auto loaded = load_adapter_config(folder_);
    ASSERT_FALSE(loaded) << member;
    const std::string key = std::string(member).substr(1, std::string(member).find('"', 1) - 1);
    EXPECT_NE(loaded.error().text().find(key), std::string::npos) << loaded.error().text();
  }
}

TEST(AdapterConfig, PatternsGiveModulesTheirOwnRankAndAlpha) {
  AdapterConfig config;
  config.rank = 4;
  config.alpha = 8;
  config.rank_pattern = {{"layers.0.mlp.up_proj", 16}, {"up_proj", 2}};
  config.alpha_pattern = {{"q_proj", 12}};
  struct Row {
    const char* module;
    std::int64_t rank;
    double scale;
  };
  for (const Row& row : {Row{"model.layers.0.mlp.up_proj", 16, 0.5},
                         {"model.layers.1.mlp.up_proj", 2, 4},
                         {"model.layers.0.self_attn.q_proj", 4, 3},
                         {"model.layers.0.self_attn.xq_proj", 4, 2}}) {
    EXPECT_EQ(config.rank_of(row.module), row.rank) << row.module;
    EXPECT_DOUBLE_EQ(config.scale_of(row.module), row.scale) << row.module;
  }
  config.rslora = true;
  EXPECT_DOUBLE_EQ(config.scale_of("q_proj"), 6);
}

}  // namespace
}  // namespace vlsweep
