// config.json in the forms that are in the wild, and tensor names of all schemes.
#include "worker/trainer/architecture/llava/config.h"

#include <gtest/gtest.h>

#include "worker/trainer/architecture/llama/llama.h"
#include "worker/trainer/architecture/llava/llava.h"

namespace vlsweep {
namespace {

ModelConfig parsed(const std::string& text) {
  auto config = parse_config(text, "config.json");
  EXPECT_TRUE(config) << config.error().text();
  return config.value_or(ModelConfig{});
}

TEST(Config, SparseHubConfigMeansLlava7b) {
  const ModelConfig config = parsed(R"({
    "model_type": "llava", "image_token_index": 32000, "pad_token_id": 32001,
    "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
    "text_config": {"_name_or_path": "lmsys/vicuna-7b-v1.5", "max_position_embeddings": 4096,
                    "model_type": "llama", "rms_norm_eps": 1e-05, "torch_dtype": "float16",
                    "vocab_size": 32064},
    "vision_config": {"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096,
                      "model_type": "clip_vision_model", "num_attention_heads": 16,
                      "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768}})");
  EXPECT_EQ(config.text.hidden_size, 4096);
  EXPECT_EQ(config.text.num_kv_heads, 32);
  EXPECT_EQ(config.text.head_dim, 128);
  EXPECT_EQ(config.text.vocab_size, 32064);
  EXPECT_DOUBLE_EQ(config.text.rms_norm_eps, 1e-5);
  EXPECT_DOUBLE_EQ(config.text.rope_theta, 10000);
  EXPECT_EQ(config.torch_dtype, "float16");
  EXPECT_EQ(llava_vision(config).tower_layers_run(), 23);
  EXPECT_EQ(config.vision->positions, 576);
  EXPECT_EQ(config.pad_token, 32001);
}

TEST(Config, NewAndOldSpellingsAgree) {
  const ModelConfig config = parsed(R"({
    "model_type": "llava", "image_token_id": 7, "dtype": "bfloat16",
    "text_config": {"model_type": "llama", 
                    "rope_parameters": {"rope_type": "default", "rope_theta": 5e5},
                    "num_attention_heads": 8, "hidden_size": 64, "num_key_value_heads": 2}})");
  EXPECT_DOUBLE_EQ(config.text.rope_theta, 5e5);
  EXPECT_EQ(config.text.num_kv_heads, 2);
  EXPECT_EQ(config.text.head_dim, 8);
  EXPECT_EQ(config.image_token, 7);
  EXPECT_EQ(config.torch_dtype, "bfloat16");
  EXPECT_EQ(llava_vision(config).tower.num_layers, 24);
}

TEST(Config, FlatConfigOfTheOriginalCode) {
  const ModelConfig config =
      parsed(R"({"model_type": "llava", "mm_vision_tower": "openai/clip-vit-large-patch14-336",
    "mm_projector_type": "mlp2x_gelu", "mm_vision_select_layer": -2,
    "mm_vision_select_feature": "patch",
    "hidden_size": 5120, "intermediate_size": 13824, "num_attention_heads": 40,
    "num_hidden_layers": 40})");
  EXPECT_EQ(config.text.num_layers, 40);
  EXPECT_EQ(config.vision->image_size, 336);
  EXPECT_EQ(config.image_token, 32000);
}

TEST(Config, WrittenConfigReadsBack) {
  ModelConfig config =
      parsed(R"({"model_type": "llava", "image_token_index": 9, "vision_feature_layer": 2,
    "vision_feature_select_strategy": "full", "eos_token_id": 2,
    "text_config": {"tie_word_embeddings": true}})");
  const ModelConfig again = parsed(config_json(config));
  EXPECT_EQ(config_json(again), config_json(config));
  EXPECT_EQ(again.vision->positions, 577);
  EXPECT_EQ(llava_vision(again).tower_layers_run(), 2);
  EXPECT_EQ(again.eos_token, 2);
}

TEST(Config, WhatIsNotSupportedOrImpossibleIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"model_type": "gpt2"})", "gpt2"},
      {R"({"model_type": "llama", "hidden_size": "big"})", "hidden_size"},
      {R"({"model_type": "llama", "hidden_size": 0})", "hidden_size"},
      {R"({"model_type": "llama", "num_hidden_layers": 99999999999999999999})",
       "num_hidden_layers"},
      {R"({"model_type": "llama", "num_attention_heads": 6, "num_key_value_heads": 4})",
       "multiple"},
      {R"({"model_type": "llama", "attention_bias": true})", "attention_bias"},
      {R"({"model_type": "llama", "hidden_act": "gelu"})", "hidden_act"},
      {R"({"model_type": "llama", "rope_scaling": {"rope_type": "llama3"}})", "rope_type"},
      {R"({"model_type": "llava", "text_config": {"model_type": "mistral"}})", "mistral"},
      {R"({"model_type": "llava", "vision_config": {"model_type": "siglip_vision_model"}})",
       "siglip"},
      {R"({"model_type": "llava", "vision_feature_layer": -40})", "vision_feature_layer"},
      {R"({"model_type": "llava", "vision_feature_layer": [-2, -5]})", "vision_feature_layer"},
      {R"({"model_type": "llava", "text_config": 3})", "text_config"},
      {R"({"a": 1, "a": 2})", "twice"},
      {R"([1])", "object"},
      {R"({"a": )", "JSON"}};
  for (const auto& [text, complaint] : cases) {
    const auto config = parse_config(text, "dir/config.json");
    ASSERT_FALSE(config) << text;
    EXPECT_NE(config.error().message.find(complaint), std::string::npos) << config.error().text();
    EXPECT_EQ(config.error().where, "dir/config.json");
  }
}

TEST(Names, AllSchemesMeetInTheHubs) {
  const std::pair<const char*, const char*> cases[] = {
      {"model.layers.3.mlp.up_proj.weight", "language_model.model.layers.3.mlp.up_proj.weight"},
      {"model.language_model.layers.3.mlp.up_proj.weight",
       "language_model.model.layers.3.mlp.up_proj.weight"},
      {"language_model.model.layers.3.mlp.up_proj.weight",
       "language_model.model.layers.3.mlp.up_proj.weight"},
      {"lm_head.weight", "language_model.lm_head.weight"},
      {"language_model.lm_head.weight", "language_model.lm_head.weight"},
      {"model.embed_tokens.weight", "language_model.model.embed_tokens.weight"},
      {"model.mm_projector.0.bias", "multi_modal_projector.linear_1.bias"},
      {"model.mm_projector.2.weight", "multi_modal_projector.linear_2.weight"},
      {"model.multi_modal_projector.linear_1.bias", "multi_modal_projector.linear_1.bias"},
      {"model.vision_tower.vision_tower.vision_model.pre_layrnorm.bias",
       "vision_tower.vision_model.pre_layrnorm.bias"},
      {"model.vision_tower.vision_model.pre_layrnorm.bias",
       "vision_tower.vision_model.pre_layrnorm.bias"},
      {"model.vision_tower.pre_layrnorm.bias", "vision_tower.vision_model.pre_layrnorm.bias"},
      {"vision_tower.pre_layrnorm.bias", "vision_tower.vision_model.pre_layrnorm.bias"},
      {"vision_tower.vision_model.pre_layrnorm.bias",
       "vision_tower.vision_model.pre_layrnorm.bias"},
      {"elsewhere.weight", "elsewhere.weight"}};
  for (const auto& [found, canonical] : cases) EXPECT_EQ(canonical_llava_name(found), canonical);
  for (const char* buffer : {"model.layers.0.self_attn.rotary_emb.inv_freq", "model.image_newline",
                             "vision_tower.vision_model.embeddings.position_ids"}) {
    EXPECT_EQ(canonical_llava_name(buffer), std::nullopt);
  }
}

TEST(Names, ModulePathsAreTransformersOwn) {
  EXPECT_EQ(llava_module_name("language_model.model.norm.weight"),
            "model.language_model.norm.weight");
  EXPECT_EQ(llava_module_name("language_model.lm_head.weight"), "lm_head.weight");
  EXPECT_EQ(llava_module_name("multi_modal_projector.linear_1.bias"),
            "model.multi_modal_projector.linear_1.bias");
  EXPECT_EQ(llama_architecture().module_name("language_model.model.norm.weight"),
            "model.norm.weight");
}

}  // namespace
}  // namespace vlsweep
