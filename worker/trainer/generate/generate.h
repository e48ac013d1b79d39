// Greedy decoding of many prompts at once. Prompts of different lengths share a batch padded on the
// right: a sequence's position is its place in the KV cache, so padding is overwritten before it
// can be attended to, and one prompt alone gets the same tokens. Sequences that have ended leave.
//
// Belongs to the model's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/trainer/model/vision_language_model.h"
#include "worker/trainer/text/tokenizer.h"
#include "worker/trainer/train/feature_table.h"

namespace vlsweep {

struct Prompt {
  std::vector<TokenId> ids;  // with the image's positions in place
  std::int64_t image = -1;   // id in the FeatureTable, or -1
};

struct GenerateSettings {
  std::int64_t max_new_tokens = 16;
  TokenId eos = 2;
};

// The answers' ids, without eos, in the order of the prompts. All prompts go in one batch; every
// prompt's length plus max_new_tokens must be within the model's positions.
// cancelled: `stop`, asked between steps, said so.
Result<std::vector<std::vector<TokenId>>> generate(const VisionLanguageModel& model,
                                                   const FeatureTable* features,
                                                   std::span<const Prompt> prompts,
                                                   const GenerateSettings& settings,
                                                   const std::function<bool()>& stop);

// How many prompts of up to `length` positions (answers included) fit a budget of cache bytes.
std::int64_t sequences_that_fit(const VisionLanguageModel& model, std::int64_t length,
                                std::uint64_t bytes);

}  // namespace vlsweep
