// Conversations as token ids with labels, in the forms that LLaVA's models know. Pure functions of
// their arguments; safe from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/trainer/text/tokenizer.h"

namespace vlsweep {

enum class PromptStyle {
  micro,      // "USER: <image>\n{q} ASSISTANT: {a}</s>", no system text (the micro-world)
  vicuna_v1,  // LLaVA-1.5 as it is trained: "... between a curious user ..."
  llava_v1    // as VLGuard evaluates it: "... between a curious human ..."
};
Result<PromptStyle> prompt_style(std::string_view name);

inline constexpr std::int64_t kIgnoredLabel = -100;

struct DialogueTurn {
  std::string_view user, assistant;
};

// ids[i] is predicted at i - 1 where labels[i] != kIgnoredLabel (labels are not shifted).
struct EncodedSample {
  std::vector<TokenId> ids, labels;
};

// A training conversation. `image_token` stands once in ids, before the first question, when
// has_image; a "<image>" inside the first question's text is taken out first. Labels as LLaVA's
// preprocess_v1 masks them (its "tokenization mismatch" = no label at all, kept), but for micro,
// where they are the answers and their </s>.
Result<EncodedSample> encode_training(const Tokenizer& tokenizer, PromptStyle style,
                                      std::span<const DialogueTurn> turns, bool has_image,
                                      TokenId image_token);
// A prompt that ends where the assistant's answer begins (the last turn's answer is not used).
Result<std::vector<TokenId>> encode_prompt(const Tokenizer& tokenizer, PromptStyle style,
                                           std::span<const DialogueTurn> turns, bool has_image,
                                           TokenId image_token);

// Repeats each image placeholder `positions` times (labels ignored there), then cuts the sample to
// max_length positions (0: no limit), as LLaVA does after the expansion.
void expand_image(EncodedSample& sample, TokenId image_token, std::int64_t positions,
                  std::int64_t max_length);
std::vector<TokenId> expand_image(std::span<const TokenId> ids, TokenId image_token,
                                  std::int64_t positions);

}  // namespace vlsweep
