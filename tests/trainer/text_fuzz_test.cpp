// Damaged tokenizer files, chat templates and texts: refused with one line, or usable; never a
// crash, never a hang.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "orchestrator/base/file.h"
#include "worker/trainer/text/chat_template.h"
#include "worker/trainer/text/tokenizer.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kGolden = fs::path(VLSWEEP_SOURCE_DIR) / "tests/trainer/golden";

class Damage {
 public:
  explicit Damage(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t end) { return random_() % end; }

  // A few bytes changed, left out, doubled or put in.
  std::string bytes(std::string text) {
    for (std::size_t i = 0, count = 1 + below(4); i < count && !text.empty(); ++i) {
      const std::size_t at = below(text.size());
      const std::size_t length = std::min(text.size() - at, 1 + below(12));
      switch (below(5)) {
        case 0:
          text[at] = static_cast<char>(below(256));
          break;
        case 1:
          text.erase(at, length);
          break;
        case 2:
          text.insert(at, text.substr(at, length));
          break;
        case 3:
          text.insert(at, 1, "{}[]()'\"%#|,:\\-"[below(15)]);
          break;
        default:
          text.resize(at);
          break;
      }
    }
    return text;
  }

  // One value of the tree replaced by another kind of value.
  void value(json& tree) {
    json* place = &tree;
    while (place->is_structured() && !place->empty() && (place == &tree || below(6) != 0)) {
      auto next = place->begin();
      std::advance(next, static_cast<std::ptrdiff_t>(below(place->size())));
      place = &*next;
    }
    const json others[] = {nullptr,
                           true,
                           -1,
                           1ULL << 63,
                           0.5,
                           "",
                           "\u2581",
                           "Sequence",
                           json::array(),
                           json::object(),
                           "(",
                           json::array({1, "a"}),
                           {{"type", "Split"}},
                           {{"String", ""}}};
    *place = others[below(std::size(others))];
  }

 private:
  std::mt19937 random_;
};

void expect_refused_or_usable(const Result<Tokenizer>& tokenizer) {
  if (!tokenizer) {
    EXPECT_EQ(tokenizer.error().text().find('\n'), std::string::npos) << tokenizer.error().text();
    EXPECT_FALSE(tokenizer.error().message.empty());
    return;
  }
  for (const char* text :
       {"hello world 123", " \n\t<s>\xff\u4f60", "a<|endoftext|> wordtok <left>"}) {
    const auto ids = tokenizer->encode(text);
    if (ids) tokenizer->decode(*ids, true);
  }
  tokenizer->decode(std::vector<TokenId>{0, 1, 5, 400, 1 << 30, -3});
}

TEST(TextFuzz, DamagedTokenizerFilesAreRefusedOrUsable) {
  const fs::path folder =
      fs::path(testing::TempDir()) / ("text-fuzz-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  Damage damage(7);
  for (const char* name : {"llama_old", "llama3", "splits", "added"}) {
    const fs::path source = kGolden / "tokenizers" / name;
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) {
      fs::copy(source, folder, fs::copy_options::overwrite_existing);
      const std::string whole = *read_file(source / file, 1 << 20);
      const json tree = json::parse(whole);
      for (int i = 0; i < 60; ++i) {
        json changed = tree;
        damage.value(changed);
        const std::string text = i % 2 ? damage.bytes(whole) : changed.dump();
        std::ofstream(folder / file, std::ios::binary) << text;
        expect_refused_or_usable(Tokenizer::load(folder));
      }
    }
  }
  fs::remove_all(folder);
}

TEST(TextFuzz, DamagedSentencepieceModelsAreRefusedOrUsable) {
  const fs::path folder = fs::path(testing::TempDir()) / ("spm-fuzz-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  Damage damage(8);
  const std::string whole = *read_file(kGolden / "llava/tokenizer.model", 1 << 20);
  for (int i = 0; i < 100; ++i) {
    std::ofstream(folder / "tokenizer.model", std::ios::binary) << damage.bytes(whole);
    expect_refused_or_usable(Tokenizer::load(folder));
  }
  fs::remove_all(folder);
}

TEST(TextFuzz, DamagedChatTemplatesAreRefusedOrRender) {
  Damage damage(9);
  const json golden = json::parse(*read_file(kGolden / "chat.json", 1 << 20));
  const ChatMessage messages[] = {{"user", "hi"}, {"assistant", "there"}, {"user", "again"}};
  for (const auto& [name, source] : golden["templates"].items()) {
    for (int i = 0; i < 40; ++i) {
      const auto damaged = ChatTemplate::parse(damage.bytes(source), {{"bos_token", "<s>"}}, name);
      const auto text = damaged ? damaged->render(messages, true) : Result<std::string>("");
      const Error* error = !damaged ? &damaged.error() : !text ? &text.error() : nullptr;
      if (error) {
        EXPECT_EQ(error->text().find('\n'), std::string::npos) << error->text();
      }
    }
  }
}

}  // namespace
}  // namespace vlsweep
