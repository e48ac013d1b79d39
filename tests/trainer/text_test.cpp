// Token ids, prompts and labels against sentencepiece and LLaVA's official code.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "orchestrator/base/file.h"
#include "tests/trainer/golden_text.h"
#include "worker/trainer/text/added_tokens.h"
#include "worker/trainer/text/prompt.h"
#include "worker/trainer/text/tokenizer.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

constexpr TokenId kImage = 300;
const fs::path kGolden = fs::path(VLSWEEP_SOURCE_DIR) / "tests/trainer/golden";

nlohmann::json golden() {
  std::ifstream file(kGolden / "texts.json");
  return nlohmann::json::parse(file);
}

// The golden tokenizer with its `legacy` flag as asked for.
Tokenizer load_tokenizer(bool legacy) {
  const fs::path folder =
      fs::path(testing::TempDir()) / ("tokenizer-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  fs::copy_file(kGolden / "llava/tokenizer.model", folder / "tokenizer.model",
                fs::copy_options::overwrite_existing);
  std::ifstream file(kGolden / "llava/tokenizer_config.json");
  nlohmann::json config = nlohmann::json::parse(file);
  config["legacy"] = legacy;
  EXPECT_TRUE(write_file_durably(folder / "tokenizer_config.json", config.dump()));
  auto tokenizer = Tokenizer::load(folder);
  EXPECT_TRUE(tokenizer) << tokenizer.error().text();
  fs::remove_all(folder);
  return std::move(*tokenizer);
}

TEST(Texts, IdsEqualTheSlowTokenizers) {
  const Tokenizer legacy = load_tokenizer(true), modern = load_tokenizer(false);
  const nlohmann::json all = golden();
  for (const auto& entry : all["texts"]) {
    const std::string text = text_of(entry);
    EXPECT_EQ(*legacy.encode(text), entry["legacy"].get<std::vector<TokenId>>()) << entry;
    EXPECT_EQ(*modern.encode(text), entry["modern"].get<std::vector<TokenId>>()) << entry;
  }
}

TEST(Texts, DecodedTextsEqualTransformers) {
  const Tokenizer tokenizer = load_tokenizer(true);
  const nlohmann::json all = golden();
  for (const auto& entry : all["texts"]) {
    const auto ids = entry["legacy"].get<std::vector<TokenId>>();
    EXPECT_EQ(tokenizer.decode(ids), entry["decoded"].get<std::string>()) << entry;
  }
}

TEST(Texts, SpecialTokensAreKnownAndLeftOutOfDecodedText) {
  const Tokenizer tokenizer = load_tokenizer(true);
  EXPECT_EQ(tokenizer.bos(), 1);
  EXPECT_EQ(tokenizer.eos(), 2);
  EXPECT_EQ(tokenizer.unk(), 0);
  EXPECT_EQ(tokenizer.pad(), 301);
  EXPECT_EQ(tokenizer.image(), kImage);
  EXPECT_EQ(tokenizer.vocab_size(), 302);
  const std::vector<TokenId> ids = *tokenizer.encode_with_bos("test</s>");
  EXPECT_EQ(ids.front(), 1);
  EXPECT_EQ(ids.back(), 2);
  EXPECT_EQ(tokenizer.decode(ids), "test");
  EXPECT_EQ(tokenizer.decode(ids, true), "<s>test</s>");
  EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{-1, 99999, 300}), "");
}

TEST(Texts, TokensTakeTheSpacesThatTheirFlagsSay) {
  AddedTokenSet tokens;
  tokens.add("<a>", {.text = "<a>", .id = 1, .strip_left = true});
  tokens.add("<ab>", {.text = "<ab>", .id = 2, .strip_right = true});
  const auto pieces = tokens.split("x  <a> y<ab>  z");
  ASSERT_EQ(pieces.size(), 5U);
  EXPECT_EQ(pieces[0].text, "x");
  EXPECT_EQ(pieces[1].token->id, 1);
  EXPECT_EQ(pieces[2].text, " y");
  EXPECT_EQ(pieces[3].token->id, 2);
  EXPECT_EQ(pieces[4].text, "z");
}

TEST(Texts, ForeignAndMissingModelsAreRefused) {
  const fs::path folder =
      fs::path(testing::TempDir()) / ("no-tokenizer-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  EXPECT_EQ(Tokenizer::load(folder).error().code, Errc::not_found);
  ASSERT_TRUE(write_file_durably(folder / "tokenizer.model", "\x0a\xff not a model"));
  const auto refused = Tokenizer::load(folder);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("tokenizer.model"), std::string::npos);
  fs::remove_all(folder);
}

TEST(Prompts, IdsAndLabelsEqualTheOfficialCode) {
  const Tokenizer legacy = load_tokenizer(true), modern = load_tokenizer(false);
  std::size_t supervised = 0;
  const nlohmann::json all = golden();
  for (const auto& entry : all["prompts"]) {
    std::vector<std::pair<std::string, std::string>> texts;
    std::vector<DialogueTurn> turns;
    for (const auto& turn : entry["turns"]) texts.emplace_back(turn[0], turn[1]);
    for (const auto& [user, assistant] : texts) turns.push_back({user, assistant});
    const Tokenizer& tokenizer = entry["legacy"].get<bool>() ? legacy : modern;
    const auto sample =
        *encode_training(tokenizer, *prompt_style(entry["style"].get<std::string>()), turns,
                         entry["image"].get<bool>(), kImage);
    EXPECT_EQ(sample.ids, entry["ids"].get<std::vector<TokenId>>()) << entry;
    EXPECT_EQ(sample.labels, entry["labels"].get<std::vector<TokenId>>()) << entry;
    supervised +=
        std::ranges::any_of(sample.labels, [](TokenId label) { return label != kIgnoredLabel; });
  }
  EXPECT_GT(supervised, 10U);
}

TEST(Prompts, APromptBeginsItsTrainingSample) {
  const Tokenizer tokenizer = load_tokenizer(true);
  for (const PromptStyle style :
       {PromptStyle::micro, PromptStyle::vicuna_v1, PromptStyle::llava_v1}) {
    const std::vector<DialogueTurn> turns{{"what is it", "a test"}, {"and now", "one"}};
    const auto sample = *encode_training(tokenizer, style, turns, true, kImage);
    const auto prompt = *encode_prompt(tokenizer, style, turns, true, kImage);
    ASSERT_LT(prompt.size(), sample.ids.size());
    EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), sample.ids.begin()));
    EXPECT_NE(sample.labels[prompt.size()], kIgnoredLabel);
    EXPECT_EQ(sample.labels[prompt.size() - 1], kIgnoredLabel);
  }
}

TEST(Prompts, MicroSupervisesTheAnswersAndTheirEnds) {
  const Tokenizer tokenizer = load_tokenizer(true);
  const std::vector<DialogueTurn> turns{{"what <image> is it", "a test"}};
  const auto sample = *encode_training(tokenizer, PromptStyle::micro, turns, true, kImage);
  EXPECT_EQ(std::ranges::count(sample.ids, kImage), 1);
  std::vector<TokenId> answer;
  for (const TokenId label : sample.labels) {
    if (label != kIgnoredLabel) answer.push_back(label);
  }
  auto wanted = *tokenizer.encode("a test");
  wanted.push_back(tokenizer.eos());
  EXPECT_EQ(answer, wanted);
}

TEST(Prompts, ImagePlaceholdersAreExpandedAndCut) {
  EncodedSample sample{{1, kImage, 5, 6}, {kIgnoredLabel, kImage, 5, 6}};
  expand_image(sample, kImage, 3, 5);
  EXPECT_EQ(sample.ids, (std::vector<TokenId>{1, kImage, kImage, kImage, 5}));
  EXPECT_EQ(sample.labels, (std::vector<TokenId>{-100, -100, -100, -100, 5}));
}

TEST(Prompts, UnknownStylesAreRefusedByName) {
  EXPECT_NE(prompt_style("mpt").error().message.find("mpt"), std::string::npos);
}

}  // namespace
}  // namespace vlsweep
