// Chat templates and the prompts built on them against transformers (golden/make_text_golden.py),
// MiniGPT-v2's against its official code (golden/make_minigpt_golden.py).
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "orchestrator/base/file.h"
#include "worker/trainer/text/chat_template.h"
#include "worker/trainer/text/prompt.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kGolden = fs::path(VLSWEEP_SOURCE_DIR) / "tests/trainer/golden";

json read_json(const fs::path& path) {
  std::ifstream file(path);
  return json::parse(file);
}

Tokenizer load(const fs::path& folder) {
  auto tokenizer = Tokenizer::load(folder);
  EXPECT_TRUE(tokenizer) << tokenizer.error().text();
  return std::move(*tokenizer);
}

std::vector<ChatMessage> messages_of(const json& list) {
  std::vector<ChatMessage> messages;
  for (const json& each : list) {
    messages.push_back({each["role"].get_ref<const std::string&>(), each["content"]});
  }
  return messages;
}

// Conversations of a golden file own their texts.
struct Texts {
  std::vector<std::string> texts;
  std::vector<DialogueTurn> turns;

  explicit Texts(const json& messages) {
    texts.reserve(messages.size());
    std::string_view system;
    for (const json& each : messages) {
      const std::string_view text = texts.emplace_back(each["content"].get<std::string>());
      if (each["role"] == "system") system = text;
      if (each["role"] == "user") turns.push_back({text, {}, turns.empty() ? system : ""});
      if (each["role"] == "assistant") turns.back().assistant = text;
    }
  }
};

const std::map<std::string, std::string> kLlamaTokens{
    {"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}};

TEST(ChatTemplates, RenderAsTransformersDoes) {
  const json golden = read_json(kGolden / "chat.json");
  std::map<std::string, ChatTemplate> templates;
  for (const auto& [name, source] : golden["templates"].items()) {
    auto parsed = ChatTemplate::parse(source, kLlamaTokens, name);
    ASSERT_TRUE(parsed) << name << ": " << parsed.error().text();
    templates.emplace(name, std::move(*parsed));
  }
  for (const json& entry : golden["rendered"]) {
    const auto text = templates.at(entry["template"])
                          .render(messages_of(entry["messages"]), entry["prompt"].get<bool>());
    if (entry.contains("error")) {
      ASSERT_FALSE(text) << entry;
      EXPECT_NE(text.error().message.find(entry["error"].get<std::string>()), std::string::npos)
          << text.error().message;
    } else {
      ASSERT_TRUE(text) << entry << text.error().text();
      EXPECT_EQ(*text, entry["text"].get<std::string>()) << entry;
    }
  }
}

TEST(ChatTemplates, AnImageStandsWhereTheTemplateShowsIt) {
  const json golden = read_json(kGolden / "chat.json");
  const auto llava = *ChatTemplate::parse(golden["templates"]["llava"], kLlamaTokens, "llava");
  const ChatMessage message{"user", "what is it", true};
  EXPECT_EQ(*llava.render({&message, 1}, true), "USER: <image>\nwhat is it ASSISTANT:");
}

TEST(ChatTemplates, HostileAndBrokenOnesAreRefused) {
  const auto repeated = [](std::string_view unit, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += unit;
    return text;
  };
  const struct {
    std::string source, words;
  } cases[] = {
      {repeated("x", 40'000), "32 KiB"},
      {"{{ " + repeated("(", 1000) + " }}", "brackets"},
      {repeated("{% if 1 %}", 2000), "blocks"},
      {"{{ 1" + repeated("+1", 9000) + " }}", "2 KiB"},
      {"{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "calls itself"},
      {"{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}",
       "calls itself"},
      {"{% macro f(g) %}{{ g(g) }}{% endmacro %}{{ f(f) }}", "as a value"},
      {"{% for x in messages recursive %}{{ loop(messages) }}{% endfor %}", "recursive"},
      {"{% if 1 %}", "nterminated"},
      {"{# no end", "comment"},
      {"{{ 'a", "chat template"},
  };
  for (const auto& each : cases) {
    const auto refused = ChatTemplate::parse(each.source, {}, "here.jinja");
    ASSERT_FALSE(refused) << each.words;
    EXPECT_NE(refused.error().text().find(each.words), std::string::npos) << refused.error().text();
    EXPECT_NE(refused.error().text().find("here.jinja"), std::string::npos);
  }
  const auto greedy = ChatTemplate::parse("{{ range(9223372036854775807) | length }}", {}, "r");
  ASSERT_TRUE(greedy);
  EXPECT_FALSE(greedy->render({}, false));
  const auto long_comment = ChatTemplate::parse("a{#" + repeated("x", 30'000) + "#}b", {}, "c");
  ASSERT_TRUE(long_comment);
  EXPECT_EQ(*long_comment->render({}, false), "ab");
}

TEST(ChatTemplates, AFolderWithoutOneSaysSo) {
  const Tokenizer tokenizer = load(kGolden / "tokenizers/gpt2");
  EXPECT_EQ(tokenizer.chat_template().error().code, Errc::not_found);
  const DialogueTurn turn{"hi", {}};
  const auto prompt = encode_prompt(tokenizer, PromptStyle::chat, {&turn, 1}, false, -1);
  ASSERT_FALSE(prompt);
  EXPECT_NE(prompt.error().message.find("no chat template"), std::string::npos);
}

void expect_encoded(const Tokenizer& tokenizer, PromptStyle style, const json& entry) {
  const Texts texts(entry["messages"]);
  const auto ids = entry["ids"].get<std::vector<TokenId>>();
  if (!entry.contains("mask")) {
    const auto prompt = encode_prompt(tokenizer, style, texts.turns, false, -1);
    ASSERT_TRUE(prompt) << prompt.error().text();
    EXPECT_EQ(*prompt, ids) << entry;
    return;
  }
  const auto sample = encode_training(tokenizer, style, texts.turns, false, -1);
  ASSERT_TRUE(sample) << sample.error().text();
  EXPECT_EQ(sample->ids, ids) << entry;
  std::vector<TokenId> labels = ids;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (entry["mask"][i] == 0) labels[i] = kIgnoredLabel;
  }
  EXPECT_EQ(sample->labels, labels) << entry;
}

TEST(ChatPrompts, IdsAndMasksEqualTransformers) {
  const json golden = read_json(kGolden / "chat.json");
  for (const json& entry : golden["encoded"]) {
    const Tokenizer tokenizer =
        load(kGolden / "tokenizers" / entry["tokenizer"].get<std::string>());
    expect_encoded(tokenizer, PromptStyle::chat, entry);
    if (entry["tokenizer"] == "llama_old") expect_encoded(tokenizer, PromptStyle::llama_2, entry);
  }
}

TEST(ChatPrompts, AnImageNeedsItsPlaceInTheTemplate) {
  const Tokenizer tokenizer = load(kGolden / "tokenizers/smollm2");
  const DialogueTurn turn{"hi", {}};
  const auto prompt = encode_prompt(tokenizer, PromptStyle::chat, {&turn, 1}, true, 500);
  ASSERT_FALSE(prompt);
  EXPECT_NE(prompt.error().message.find("template"), std::string::npos);
}

class MiniGptPrompts : public testing::Test {
 protected:
  void SetUp() override {
    for (const bool legacy : {true, false}) {
      const fs::path folder = fs::path(testing::TempDir()) /
                              ("minigpt-" + std::to_string(::getpid()) + (legacy ? "l" : "m"));
      fs::create_directories(folder);
      fs::copy_file(kGolden / "minigpt_v2/tokenizer.model", folder / "tokenizer.model");
      json config = read_json(kGolden / "minigpt_v2/tokenizer_config.json");
      config["legacy"] = legacy;
      EXPECT_TRUE(write_file_durably(folder / "tokenizer_config.json", config.dump()));
      tokenizers_.push_back(load(folder));
      fs::remove_all(folder);
    }
  }
  const Tokenizer& tokenizer(const json& entry) const {
    return tokenizers_[entry["legacy"].get<bool>() ? 0 : 1];
  }

  static constexpr TokenId kImage = 300;
  const json golden_ = read_json(kGolden / "minigpt_v2/prompts.json");
  std::vector<Tokenizer> tokenizers_;
};

TEST_F(MiniGptPrompts, TrainingIsAsTheOfficialCodePutsItTogether) {
  for (const json& entry : golden_["conversations"]) {
    const auto texts = entry["turns"].get<std::vector<std::string>>();
    std::vector<DialogueTurn> turns;
    for (std::size_t i = 0; i < texts.size(); i += 2) turns.push_back({texts[i], texts[i + 1]});
    const auto sample = encode_training(tokenizer(entry), PromptStyle::minigpt_v2, turns,
                                        entry["image"].get<bool>(), kImage);
    ASSERT_TRUE(sample) << sample.error().text();
    EXPECT_EQ(sample->ids, entry["ids"].get<std::vector<TokenId>>()) << entry;
    EXPECT_EQ(sample->labels, entry["labels"].get<std::vector<TokenId>>()) << entry;
  }
}

TEST_F(MiniGptPrompts, EvaluationAsksAsTheOfficialCodeDoes) {
  for (const json& entry : golden_["evaluation"]) {
    const auto text = entry["instruction"].get<std::string>();
    const DialogueTurn turn{text, {}};
    const auto ids =
        encode_prompt(tokenizer(entry), PromptStyle::minigpt_v2, {&turn, 1}, true, kImage);
    ASSERT_TRUE(ids) << ids.error().text();
    EXPECT_EQ(*ids, entry["ids"].get<std::vector<TokenId>>()) << entry;
  }
}

TEST_F(MiniGptPrompts, WhatStandsBehindTheFirstQuestionIsCutToMaxTxtLen) {
  const std::string answer(3000, '1');
  const std::vector<DialogueTurn> turns{{"what", answer}, {"and", "more"}};
  const auto whole = encode_training(tokenizers_[0], PromptStyle::minigpt_v2, turns, true, kImage);
  const auto short_turn = std::vector<DialogueTurn>{{"what", ""}};
  const auto head =
      encode_training(tokenizers_[0], PromptStyle::minigpt_v2, short_turn, true, kImage);
  EXPECT_EQ(whole->ids.size(), head->ids.size() - 1 + 1024);  // head: the prompt and </s>
  EXPECT_EQ(whole->labels.size(), whole->ids.size());
}

TEST(PromptStyles, TokenizersThatDoNotFitAreRefused) {
  const Tokenizer smollm2 = load(kGolden / "tokenizers/smollm2");
  const DialogueTurn turn{"hi", "there"};
  for (const PromptStyle style :
       {PromptStyle::vicuna_v1, PromptStyle::llava_v1, PromptStyle::minigpt_v2}) {
    const auto refused = encode_training(smollm2, style, {&turn, 1}, false, -1);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find(prompt_style_name(style)), std::string::npos);
    EXPECT_EQ(*prompt_style(prompt_style_name(style)), style);
  }
}

}  // namespace
}  // namespace vlsweep
