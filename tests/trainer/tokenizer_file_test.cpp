// tokenizer.json against the tokenizers library (golden/make_text_golden.py), and files that lie.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "orchestrator/base/file.h"
#include "tests/trainer/golden_text.h"
#include "worker/trainer/text/tokenizer.h"
#include "worker/trainer/text/tokenizer_folder.h"
#include "worker/trainer/text/utf8.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kGolden = fs::path(VLSWEEP_SOURCE_DIR) / "tests/trainer/golden";

json read_json(const fs::path& path) {
  std::ifstream file(path);
  return json::parse(file);
}

Tokenizer load(const std::string& name) {
  auto tokenizer = Tokenizer::load(kGolden / "tokenizers" / name);
  EXPECT_TRUE(tokenizer) << tokenizer.error().text();
  return std::move(*tokenizer);
}

TEST(TokenizerFiles, IdsAndTextsEqualTheTokenizersLibrary) {
  const json golden = read_json(kGolden / "tokenizers.json");
  const json& texts = golden["texts"];
  for (const auto& [name, entries] : golden["tokenizers"].items()) {
    const Tokenizer tokenizer = load(name);
    ASSERT_EQ(entries.size(), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::string text = text_of(texts[i]);
      const auto ids = entries[i]["ids"].get<std::vector<TokenId>>();
      const auto decoded =
          entries[i]["decoded"].is_null() ? json(repair_utf8(text)) : entries[i]["decoded"];
      const auto shown = !entries[i].contains("shown")   ? decoded
                         : entries[i]["shown"].is_null() ? json(repair_utf8(text))
                                                         : entries[i]["shown"];
      EXPECT_EQ(*tokenizer.encode(text), ids) << name << ": " << texts[i];
      EXPECT_EQ(*tokenizer.encode_with_bos(text),
                entries[i].value("around", entries[i]["ids"]).get<std::vector<TokenId>>())
          << name << ": " << texts[i];
      EXPECT_EQ(tokenizer.decode(ids), decoded.get<std::string>()) << name << ": " << texts[i];
      EXPECT_EQ(tokenizer.decode(ids, true), shown.get<std::string>()) << name << ": " << texts[i];
    }
  }
}

TEST(TokenizerFiles, SpecialTokensAreThoseOfTheFilesBesideIt) {
  const Tokenizer llama3 = load("llama3");
  EXPECT_EQ(llama3.bos(), llama3.find("<|begin_of_text|>"));
  EXPECT_EQ(llama3.eos(), llama3.find("<|eot_id|>"));
  EXPECT_EQ(llama3.eos_ids(), (std::vector<TokenId>{422, 425}));
  EXPECT_EQ(llama3.prefix(), std::vector<TokenId>{*llama3.bos()});
  EXPECT_EQ(llama3.pad(), llama3.eos());
  EXPECT_EQ(llama3.unk(), std::nullopt);
  const Tokenizer smollm2 = load("smollm2");
  EXPECT_EQ(smollm2.bos(), 1);
  EXPECT_EQ(smollm2.eos_ids(), std::vector<TokenId>{2});
  EXPECT_EQ(smollm2.pad(), 2);
  EXPECT_TRUE(smollm2.prefix().empty());
  EXPECT_TRUE(load("llama_old").legacy());
  EXPECT_FALSE(load("llama_new").legacy());
}

// A folder with a changed copy of a golden tokenizer.
class ChangedTokenizer : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  Result<Tokenizer> changed(const std::string& name, const std::function<void(json&)>& change,
                            const json& config = {{"eos_token", "</s>"}}) {
    json file = read_json(kGolden / "tokenizers" / name / "tokenizer.json");
    change(file);
    EXPECT_TRUE(write_file_durably(folder_ / "tokenizer.json", file.dump()));
    EXPECT_TRUE(write_file_durably(folder_ / "tokenizer_config.json", config.dump()));
    return Tokenizer::load(folder_);
  }

  const fs::path folder_ =
      fs::path(testing::TempDir()) / ("tokenizer-file-" + std::to_string(::getpid()));
};

TEST_F(ChangedTokenizer, WhatIsNotKnownOrDoesNotFitIsRefusedByName) {
  const struct {
    std::function<void(json&)> change;
    std::string words;
  } cases[] = {
      {[](json& f) { f["model"]["type"] = "Unigram"; }, "Unigram"},
      {[](json& f) { f["model"].erase("vocab"); }, "vocab"},
      {[](json& f) { f["model"]["vocab"]["zz"] = 5; }, "id 5"},
      {[](json& f) { f["model"]["vocab"]["zz"] = -1; }, "zz"},
      {[](json& f) { f["model"]["vocab"]["zz"] = 1ULL << 40; }, "zz"},
      {[](json& f) { f["model"]["merges"][0] = "one"; }, "one"},
      {[](json& f) { f["model"]["merges"][0] = "a b c"; }, "a b c"},
      {[](json& f) { f["model"]["merges"][0] = json::array({"qq", "zz"}); }, "qq"},
      {[](json& f) { f["model"]["merges"][0] = 7; }, "merges"},
      {[](json& f) { f["model"]["dropout"] = 0.1; }, "dropout"},
      {[](json& f) { f["model"]["continuing_subword_prefix"] = "##"; }, "continuing"},
      {[](json& f) { f["model"]["byte_fallback"] = "yes"; }, "byte_fallback"},
      {[](json& f) { f["normalizer"] = {{"type", "Lowercase"}}; }, "Lowercase"},
      {[](json& f) { f["normalizer"] = "x"; }, "normalizer"},
      {[](json& f) { f["pre_tokenizer"] = {{"type", "UnicodeScripts"}}; }, "UnicodeScripts"},
      {[](json& f) {
         f["pre_tokenizer"] = {
             {"type", "Split"}, {"pattern", {{"Regex", "(a"}}}, {"behavior", "Isolated"}};
       },
       "regular expression"},
      {[](json& f) {
         f["pre_tokenizer"] = {
             {"type", "Split"}, {"pattern", {{"Regex", "\\w+"}}}, {"behavior", "Isolated"}};
       },
       "\\w"},
      {[](json& f) { f["decoder"] = {{"type", "CTC"}}; }, "CTC"},
      {[](json& f) { f["post_processor"] = {{"type", "BertProcessing"}}; }, "BertProcessing"},
      {[](json& f) { f["post_processor"]["special_tokens"] = json::object(); }, "<s>"},
      {[](json& f) { f["added_tokens"][0]["id"] = 17; }, "<unk>"},
      {[](json& f) { f["added_tokens"][0].erase("content"); }, "added token"},
      {[](json& f) { f["added_tokens"] = 3; }, "added_tokens"},
      {[](json& f) { f.erase("model"); }, "model"},
      {[](json& f) {
         json deep = {{"type", "Sequence"}, {"normalizers", json::array()}};
         for (int i = 0; i < 12; ++i) deep = {{"type", "Sequence"}, {"normalizers", {deep}}};
         f["normalizer"] = deep;
       },
       "normalizer"},
  };
  for (const auto& each : cases) {
    const auto refused = changed("llama_new", each.change);
    ASSERT_FALSE(refused) << each.words;
    EXPECT_EQ(refused.error().code, Errc::invalid) << each.words;
    EXPECT_NE(refused.error().text().find(each.words), std::string::npos) << refused.error().text();
    EXPECT_NE(refused.error().text().find("tokenizer.json"), std::string::npos);
    EXPECT_EQ(refused.error().text().find('\n'), std::string::npos);
  }
}

TEST_F(ChangedTokenizer, AnEndTokenMustBeKnown) {
  const auto refused = changed("llama_new", [](json&) {}, json::object());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("eos_token"), std::string::npos);
}

TEST_F(ChangedTokenizer, StatedFlagsDecideWhatStandsAroundAText) {
  const auto both = changed("llama_new", [](json&) {},
                            {{"bos_token", "<s>"},
                             {"eos_token", "</s>"},
                             {"add_bos_token", false},
                             {"add_eos_token", true}});
  ASSERT_TRUE(both) << both.error().text();
  const auto ids = *both->encode_with_bos("test");
  EXPECT_NE(ids.front(), both->bos());
  EXPECT_EQ(ids.back(), both->eos());
}

TEST_F(ChangedTokenizer, TheSentencepieceModelOfALlamaGoesBeforeTokenizerJson) {
  fs::copy_file(kGolden / "llava/tokenizer.model", folder_ / "tokenizer.model");
  json config = {{"tokenizer_class", "LlamaTokenizer"}, {"eos_token", "</s>"}};
  const auto slow = changed("llama_new", [](json&) {}, config);
  ASSERT_TRUE(slow) << slow.error().text();
  EXPECT_FALSE(slow->pieces().empty());
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  const auto fast = changed("llama_new", [](json&) {}, config);
  ASSERT_TRUE(fast) << fast.error().text();
  EXPECT_TRUE(fast->pieces().empty());
}

// What is written beside a bare sentencepiece model cuts texts as the model does, in any reader.
TEST_F(ChangedTokenizer, ACopyOfAFolderCutsTextsAsItDoes) {
  const json texts = read_json(kGolden / "texts.json")["texts"];
  for (const bool legacy : {true, false}) {
    const fs::path source = folder_ / "source", copy = folder_ / "copy";
    fs::create_directories(source);
    fs::create_directories(copy);
    fs::copy_file(kGolden / "llava/tokenizer.model", source / "tokenizer.model");
    json config = read_json(kGolden / "llava/tokenizer_config.json");
    config["legacy"] = legacy;
    EXPECT_TRUE(write_file_durably(source / "tokenizer_config.json", config.dump()));
    ASSERT_TRUE(copy_tokenizer_files(copy, source));
    fs::remove(copy / "tokenizer.model");
    const auto tokenizer = Tokenizer::load(copy);
    ASSERT_TRUE(tokenizer) << tokenizer.error().text();
    EXPECT_TRUE(tokenizer->pieces().empty());
    EXPECT_EQ(tokenizer->legacy(), legacy);
    EXPECT_EQ(tokenizer->prefix(), std::vector<TokenId>{1});
    for (const json& entry : texts) {
      const std::string text = text_of(entry);
      // Metaspace, which transformers takes for these, adds no space to a space.
      if (!legacy && (text.starts_with(' ') || text.starts_with("\u2581"))) continue;
      EXPECT_EQ(*tokenizer->encode(text),
                entry[legacy ? "legacy" : "modern"].get<std::vector<TokenId>>())
          << entry;
    }
    fs::remove_all(folder_);
  }
}

TEST_F(ChangedTokenizer, AByteLevelFolderIsCopiedWhole) {
  const fs::path source = folder_ / "source", copy = folder_ / "copy";
  fs::create_directories(copy);
  fs::copy(kGolden / "tokenizers/llama3", source);
  EXPECT_TRUE(write_file_durably(source / "merges.txt", "#version: 0.2\n"));
  EXPECT_TRUE(write_file_durably(source / "vocab.json", "{}"));
  ASSERT_TRUE(copy_tokenizer_files(copy, source));
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                           "merges.txt", "vocab.json"}) {
    EXPECT_EQ(*read_file(copy / name, 1 << 20), *read_file(source / name, 1 << 20)) << name;
  }
  EXPECT_TRUE(Tokenizer::load(copy)->chat_template());
}

TEST_F(ChangedTokenizer, ARegularExpressionThatGivesUpIsAnErrorNotAHang) {
  const auto hostile = changed("llama_new", [](json& file) {
    file["pre_tokenizer"] = {
        {"type", "Split"}, {"pattern", {{"Regex", "(x+x+)+y"}}}, {"behavior", "Isolated"}};
  });
  ASSERT_TRUE(hostile) << hostile.error().text();
  const auto refused = hostile->encode(std::string(200, 'x') + "zy");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("regular expression"), std::string::npos);
}

// 256 KiB in one word: rescanned for every merge this would be 10^10 steps.
TEST(TokenizerFiles, LongTextsTakeAboutLinearTime) {
  for (const char* name : {"gpt2", "llama_old", "llama3", "smollm2"}) {
    const Tokenizer tokenizer = load(name);
    for (const char* unit : {"a", "ab", " ", "\n", "1", "\u4f60", "</s>", "a "}) {
      std::string text;
      while (text.size() < 1 << 18) text += unit;
      const auto begin = std::chrono::steady_clock::now();
      const auto ids = tokenizer.encode(text);
      ASSERT_TRUE(ids) << ids.error().text();
      EXPECT_EQ(tokenizer.decode(*ids, true), text) << name << ' ' << unit;
      EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30)) << name;
    }
  }
}

TEST(Utf8, MalformedStretchesAreReplacedAsPythonDoes) {
  EXPECT_EQ(repair_utf8("ok \xf0\x9f\x98\x80"), "ok \xf0\x9f\x98\x80");
  EXPECT_EQ(repair_utf8("\xe4\xbd"
                        "A"),
            "\uFFFD"
            "A");
  EXPECT_EQ(repair_utf8("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(repair_utf8("\xc0\xaf"), "\uFFFD\uFFFD");
  EXPECT_EQ(repair_utf8("\xf4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(repair_utf8(std::string_view("a\0b", 3)), std::string("a\0b", 3));
}

}  // namespace
}  // namespace vlsweep
