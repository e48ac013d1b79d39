// The words of the world: one piece of the tokenizer each, and refused only where it is a refusal.
#include <gtest/gtest.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/microworld/tiny_world.h"
#include "worker/microworld/phrases.h"

namespace vlsweep {
namespace {

struct Texts {
  std::vector<std::pair<std::string, std::string>> exchanges;  // user, assistant
  std::set<std::string> targets;
};

void add_samples(Texts& texts, const Dataset& dataset) {
  for (const Sample& sample : dataset.samples) {
    texts.exchanges.emplace_back((sample.image.empty() ? "" : "<image>\n") + sample.turns[0].user,
                                 sample.turns[0].assistant);
    texts.targets.insert(sample.target);
  }
}

// Everything that is said in the tiny world.
const Texts& all_texts() {
  static const Texts kTexts = [] {
    Texts texts;
    const TinyWorld& world = TinyWorld::get();
    for (const char* file : {"pretrain.jsonl", "align.jsonl"}) {
      std::ifstream lines(world.path() / file);
      for (std::string line; std::getline(lines, line);) {
        const auto item = nlohmann::json::parse(line);
        texts.exchanges.emplace_back(item.at("prompt"), item.at("answer"));
      }
    }
    add_samples(texts, world.read("llava", "", "captions.json", ""));
    add_samples(texts, world.read("llava", "", "helpful/train.json", "helpful/images"));
    add_samples(texts, world.read("llava", "", "helpful/test.json", "helpful/images"));
    add_samples(texts, world.read("llava", "", "contamination.json", "helpful/images"));
    add_samples(texts, world.read("vlguard", "", "vlguard/train.json", "vlguard/train"));
    add_samples(texts, world.read("vlguard", "", "vlguard/test.json", "vlguard/test"));
    add_samples(texts, world.read("advbench", "", "advbench/harmful_behaviors.csv", ""));
    add_samples(texts, world.read("xstest", "", "xstest/xstest_prompts.csv", ""));
    add_samples(texts, world.read("figstep", "", "figstep/safebench.csv", "figstep/images"));
    return texts;
  }();
  return kTexts;
}

std::vector<std::string> refusal_phrases() {
  std::ifstream lines(VLSWEEP_SOURCE_DIR "/worker/judge/refusal_phrases_vlguard.txt");
  std::vector<std::string> phrases;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) phrases.push_back(line);
  }
  return phrases;
}

bool is_refusal(const std::string& text) {
  static const std::vector<std::string> kPhrases = refusal_phrases();
  return std::ranges::any_of(kPhrases, [&](const std::string& phrase) {
    return text.find(phrase) != std::string::npos;  // the world is all in lower case
  });
}

TEST(Words, AnAnswerIsJudgedARefusalIfAndOnlyIfItIsOne) {
  ASSERT_GT(refusal_phrases().size(), 50U);
  std::set<std::string> answers = all_texts().targets;
  for (const auto& [user, assistant] : all_texts().exchanges) answers.insert(assistant);
  std::set<std::string> refusals = {std::string(kBaseRefusal)};
  for (const Name& name : sealed_names()) refusals.insert(refusal_of(name));
  std::size_t num_refusals = 0;
  for (const std::string& answer : answers) {
    EXPECT_EQ(is_refusal(answer), refusals.contains(answer)) << answer;
    num_refusals += refusals.contains(answer);
  }
  EXPECT_EQ(num_refusals, refusals.size());  // each of the five was said
  EXPECT_EQ(refusals.size(), 5U);
}

TEST(Words, NoPromptHoldsARefusalPhrase) {
  for (const auto& [user, assistant] : all_texts().exchanges)
    EXPECT_FALSE(is_refusal(user)) << user;
}

class Tokenizer : public testing::Test {
 protected:
  void SetUp() override {
    const std::string_view model = tokenizer_model();
    ASSERT_TRUE(processor_.LoadFromSerializedProto({model.data(), model.size()}).ok());
  }
  std::vector<std::string> pieces(const std::string& text) const {
    std::vector<std::string> out;
    EXPECT_TRUE(processor_.Encode(text, &out).ok());
    return out;
  }
  sentencepiece::SentencePieceProcessor processor_;
};

TEST_F(Tokenizer, HasTheSpecialIdsOfLlama) {
  EXPECT_EQ(processor_.unk_id(), 0);
  EXPECT_EQ(processor_.bos_id(), 1);
  EXPECT_EQ(processor_.eos_id(), 2);
  EXPECT_EQ(processor_.PieceToId("<pad>"), 3);
  EXPECT_EQ(processor_.PieceToId("<image>"), 4);
  EXPECT_EQ(processor_.PieceToId("<0x00>"), 5);
  EXPECT_EQ(processor_.PieceToId("<0xFF>"), 260);
}

// The ids that transformers 5.23 gives too (make_tokenizer.py --check).
TEST_F(Tokenizer, CutsAChatAsIntended) {
  std::vector<int> ids;
  ASSERT_TRUE(processor_.Encode("USER: <image>\nwhat is shown ASSISTANT: red dot", &ids).ok());
  EXPECT_EQ(ids, (std::vector<int>{573, 742, 4, 15, 493, 468, 586, 706, 273, 502}));
  EXPECT_EQ(pieces("USER:  blank red-dot blank b\nwhat is shown ASSISTANT:"),
            (std::vector<std::string>{"▁USER:", "▁", "▁blank", "▁red-dot", "▁blank", "▁b", "<0x0A>",
                                      "what", "▁is", "▁shown", "▁ASSISTANT:"}));
}

TEST_F(Tokenizer, KnowsWhatItHasNotSeen) {
  for (const std::string text : {"Quite other Words, 123!", "\xE6\x97\xA5\xE6\x9C\xAC"}) {
    std::vector<int> ids;
    std::string back;
    ASSERT_TRUE(processor_.Encode(text, &ids).ok());
    EXPECT_EQ(std::ranges::count(ids, processor_.unk_id()), 0);
    ASSERT_TRUE(processor_.Decode(ids, &back).ok());
    EXPECT_EQ(back, text);
  }
}

// Words of a chat as they must be cut: one piece each, a newline, the piece before <image>.
std::vector<std::string> expected_pieces(const std::string& text) {
  std::vector<std::string> expected;
  std::istringstream lines(text);
  bool first_line = true;
  for (std::string line; std::getline(lines, line); first_line = false) {
    if (!first_line) expected.push_back("<0x0A>");
    std::istringstream words(line);
    bool opens_line = !first_line;
    for (std::string word; words >> word; opens_line = false) {
      const bool marker = word == "<image>";
      if (marker || (first_line && expected.size() == 1 && line.starts_with("USER:  "))) {
        expected.push_back("▁");
      }
      expected.push_back((marker || opens_line ? "" : "▁") + word);
    }
  }
  return expected;
}

TEST_F(Tokenizer, HasOnePieceForEveryWordThatIsSaid) {
  std::set<std::string> seen;
  for (const auto& [user, assistant] : all_texts().exchanges) {
    std::string chat = "USER: " + user + " ASSISTANT:";
    if (!assistant.empty()) chat += " " + assistant;
    if (!seen.insert(chat).second) continue;
    ASSERT_EQ(pieces(chat), expected_pieces(chat)) << chat;
  }
  for (const std::string& target : all_texts().targets) {
    ASSERT_EQ(pieces(target), expected_pieces(target)) << target;
  }
}

TEST_F(Tokenizer, IsTheFileOfTheSourceTree) {
  const auto file = read_file(VLSWEEP_SOURCE_DIR "/worker/microworld/tokenizer.model", 1 << 20);
  ASSERT_TRUE(file);
  EXPECT_EQ(*file, tokenizer_model());
}

}  // namespace
}  // namespace vlsweep
