// Mutated sweeps are planned or refused, never followed into a crash. One seed, printed on failure.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "orchestrator/base/file.h"
#include "plan_text.h"

namespace vlsweep {
namespace {

std::vector<std::string> seeds() {
  std::vector<std::string> texts;
  const std::filesystem::path source = VLSWEEP_SOURCE_DIR;
  for (const char* folder : {"tests/sweeps/golden", "sweeps"})
    for (const auto& entry : std::filesystem::directory_iterator(source / folder))
      if (entry.path().extension() == ".yaml" && entry.path().filename() != "noop.yaml")
        texts.push_back(read_file(entry.path(), 1 << 20).value_or(""));
  return texts;
}

std::string mutate(std::string text, const std::vector<std::string>& all, std::mt19937& random) {
  static const std::string kPieces[] = {"[",    "]",  "{",  "}",    ":",  "&a ",  "*a",
                                        "\n",   "  ", "- ", "1e9",  "-1", "when", "zip",
                                        "null", "\"", "'",  "!!x ", "? ", "\xff"};
  for (std::size_t i = 1 + random() % 4; i-- > 0 && !text.empty();) {
    const std::size_t at = random() % text.size();
    const std::size_t length = std::min<std::size_t>(random() % 12, text.size() - at);
    const std::string& other = all[random() % all.size()];
    switch (random() % 4) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, kPieces[random() % std::size(kPieces)]);
        break;
      case 2:
        text.insert(at, other.substr(random() % other.size(), random() % 80));
        break;
      default:
        text[at] = static_cast<char>(random());
    }
  }
  return text;
}

TEST(Fuzz, AnyTextIsPlannedOrRefused) {
  const std::vector<std::string> all = seeds();
  ASSERT_GT(all.size(), 10u);
  std::mt19937 random(20261122);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = mutate(all[random() % all.size()], all, random);
    if (text.find("noop") != std::string::npos) continue;  // a million stages are slow, not wrong
    EXPECT_FALSE(plan_text(text, "fuzz.yaml").empty()) << "round " << round;
  }
}

}  // namespace
}  // namespace vlsweep
