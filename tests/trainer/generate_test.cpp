// Greedy decoding of many prompts at once gives what each gives alone.
#include "worker/trainer/generate/generate.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "worker/trainer/train/random.h"

namespace vlsweep {
namespace {

constexpr TokenId kEos = 2;

std::unique_ptr<VisionLanguageModel> small_model() {
  ModelConfig config;
  config.text = {.vocab_size = 50,
                 .hidden_size = 32,
                 .intermediate_size = 64,
                 .num_layers = 3,
                 .num_heads = 4,
                 .num_kv_heads = 2,
                 .head_dim = 8,
                 .max_positions = 64,
                 .rms_norm_eps = 1e-5};
  config.image_token = 49;
  return make_random_model(config, 4, {.linear_gain = 1.5});
}

std::vector<Prompt> prompts_of(std::size_t count) {
  SplitMix64 random(9);
  std::vector<Prompt> prompts(count);
  for (Prompt& prompt : prompts) {
    prompt.ids.push_back(1);
    for (std::uint64_t i = 0, n = random.below(20); i < n; ++i)
      prompt.ids.push_back(static_cast<TokenId>(3 + random.below(45)));
  }
  return prompts;
}

std::vector<std::vector<TokenId>> answers(const VisionLanguageModel& model,
                                          std::span<const Prompt> prompts) {
  const auto result = generate(model, nullptr, prompts, {24, kEos}, [] { return false; });
  EXPECT_TRUE(result);
  return *result;
}

// No cache, no batch: the whole sequence again for every token.
std::vector<TokenId> naive(const VisionLanguageModel& model, const Prompt& prompt) {
  const torch::NoGradGuard no_grad;
  std::vector<TokenId> ids = prompt.ids, answer;
  while (answer.size() < 24) {
    const auto input = at::tensor(ids).unsqueeze(0);
    const at::Tensor hidden = model.decode(model.embed(input, {}));
    const auto next = model.logits(hidden[0][-1]).argmax().item<TokenId>();
    if (next == kEos) break;
    answer.push_back(next);
    ids.push_back(next);
  }
  return answer;
}

TEST(Generate, InABatchEqualsOneByOneAndTheWholeSequenceAgain) {
  const auto model = small_model();
  at::set_num_threads(1);
  const auto prompts = prompts_of(40);
  const auto together = answers(*model, prompts);
  std::size_t ended_early = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(together[i], answers(*model, std::span(&prompts[i], 1)).front()) << i;
    EXPECT_EQ(together[i], naive(*model, prompts[i])) << i;
    ended_early += together[i].size() < 24;
  }
  EXPECT_GT(ended_early, 0U) << "no sequence met eos: the test shows less than it should";
  EXPECT_LT(ended_early, prompts.size());
}

TEST(Generate, OfNothingIsNothing) { EXPECT_TRUE(answers(*small_model(), {}).empty()); }

TEST(Generate, StopsWhenCancelled) {
  const auto model = small_model();
  int asked = 0;
  const auto result =
      generate(*model, nullptr, prompts_of(3), {24, kEos}, [&asked] { return ++asked == 3; });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::cancelled);
}

TEST(Generate, TakesFewerSequencesWhereTheyAreLong) {
  const auto model = small_model();
  EXPECT_EQ(sequences_that_fit(*model, 100, 1), 1);
  EXPECT_EQ(sequences_that_fit(*model, 100, 1ULL << 40), 256);
  // 2 (keys, values) * 3 layers * 2 heads * 8 * 4 bytes = 384 bytes a position.
  EXPECT_EQ(sequences_that_fit(*model, 100, 10 * 38400), 10);
}

}  // namespace
}  // namespace vlsweep
