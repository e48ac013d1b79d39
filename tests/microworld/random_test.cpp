#include "worker/microworld/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "tests/microworld/golden.h"
#include "worker/microworld/composition.h"

namespace vlsweep {
namespace {

TEST(Random, GivesTheSameNumbersOnEveryMachine) {
  Random random(0, "golden");
  const std::array<std::uint64_t, 3> first = {random.next(), random.next(), random.next()};
  EXPECT_EQ(first, (std::array<std::uint64_t, 3>{kGolden0, kGolden1, kGolden2}));
}

TEST(Random, GivesEachStreamAndSeedItsOwnNumbers) {
  std::set<std::uint64_t> seen;
  for (const std::uint64_t seed : {0, 1, 2}) {
    for (const char* stream : {"a", "b", ""}) seen.insert(Random(seed, stream).next());
  }
  EXPECT_EQ(seen.size(), 9U);
}

TEST(Random, DrawsEachOfNEquallyOften) {
  Random random(1, "below");
  std::array<int, 7> counts = {};
  for (int i = 0; i < 70000; ++i) ++counts[random.below(7)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
}

TEST(Random, DrawsBetweenBothEnds) {
  Random random(1, "between");
  std::set<int> seen;
  for (int i = 0; i < 100; ++i) seen.insert(random.between(-1, 1));
  EXPECT_EQ(seen, (std::set<int>{-1, 0, 1}));
}

template <class Kind, std::size_t n>
void expect_shares(const std::array<Share<Kind>, n>& shares) {
  double sum = 0;
  for (const auto& share : shares) sum += share.share;
  EXPECT_NEAR(sum, 1.0, 1e-12);
  Random random(3, "shares");
  std::array<int, n> counts = {};
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const Kind kind = draw_kind(random, shares);
    for (std::size_t k = 0; k < n; ++k) counts[k] += shares[k].kind == kind;
  }
  for (std::size_t k = 0; k < n; ++k) EXPECT_NEAR(counts[k], shares[k].share * kDraws, 700) << k;
}

TEST(Composition, SharesSumToOneAndAreDrawnAsOften) {
  expect_shares(kPretrain);
  expect_shares(kAlign);
  expect_shares(kHelpful);
  expect_shares(kContamination);
  expect_shares(kSceneQuestions);
  expect_shares(kHarmlessSceneQuestions);
}

}  // namespace
}  // namespace vlsweep
