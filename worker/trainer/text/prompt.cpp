#include "worker/trainer/text/prompt.h"

#include <algorithm>

namespace vlsweep {
namespace {

constexpr std::string_view kImage = "<image>";
constexpr std::string_view kAnswerMark = " ASSISTANT: ";
constexpr std::string_view kEnd = "</s>";
constexpr std::string_view kWhiteSpace = " \t\n\r\f\v";

std::string_view system_text(PromptStyle style) {
  switch (style) {
    case PromptStyle::vicuna_v1:
      return "A chat between a curious user and an artificial intelligence assistant. The "
             "assistant "
             "gives helpful, detailed, and polite answers to the user's questions. ";
    case PromptStyle::llava_v1:
      return "A chat between a curious human and an artificial intelligence assistant. The "
             "assistant gives helpful, detailed, and polite answers to the human's questions. ";
    case PromptStyle::micro:
      break;
  }
  return "";
}

// The placeholder is ours alone: one inside a sample's text is taken out.
std::string without_placeholder(std::string_view text) {
  std::string result;
  for (std::size_t found; (found = text.find(kImage)) != text.npos;
       text.remove_prefix(found + kImage.size())) {
    result += text.substr(0, found);
  }
  return result.append(text);
}

std::string stripped(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhiteSpace) - begin + 1);
}

// The question of a turn; the image's placeholder goes before the first one.
std::string question(const DialogueTurn& turn, bool with_image) {
  std::string text = without_placeholder(turn.user);
  return with_image ? std::string(kImage) + "\n" + stripped(text) : text;
}

// LLaVA's tokenizer_image_token: each chunk around the placeholder is a text of its own.
Result<std::vector<TokenId>> tokenize_with_image(const Tokenizer& tokenizer, std::string_view text,
                                                 TokenId image_token) {
  std::vector<TokenId> ids = tokenizer.prefix();
  while (true) {
    const std::size_t found = text.find(kImage);
    VLSWEEP_TRY(const std::vector<TokenId> chunk, tokenizer.encode(text.substr(0, found)));
    ids.insert(ids.end(), chunk.begin(), chunk.end());
    if (found == text.npos) return ids;
    ids.push_back(image_token);
    text.remove_prefix(found + kImage.size());
  }
}

// One round of Vicuna's conversation without its end mark.
std::string vicuna_round(std::string_view system, const DialogueTurn& turn, bool with_image) {
  return std::string(system) + "USER: " + question(turn, with_image) + std::string(kAnswerMark) +
         without_placeholder(turn.assistant);
}

// preprocess_v1's walk over the rounds: where each one's instruction ends is found by tokenizing it
// alone, -2 for bos and for the space behind "ASSISTANT:".
Result<> mask_vicuna_labels(const Tokenizer& tokenizer, const std::vector<std::string>& rounds,
                            TokenId image_token, EncodedSample& sample) {
  auto& labels = sample.labels;
  const auto size = std::ssize(labels);
  const auto mask = [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (auto i = std::max<std::ptrdiff_t>(begin, 0); i < std::min(end, size); ++i) {
      labels[static_cast<std::size_t>(i)] = kIgnoredLabel;
    }
  };
  const auto total = size - std::count(sample.ids.begin(), sample.ids.end(), tokenizer.pad());
  std::ptrdiff_t current = 1;
  mask(0, 1);
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    const std::size_t mark = rounds[i].find(kAnswerMark);
    if (mark == std::string::npos || rounds[i].find(kAnswerMark, mark + 1) != std::string::npos) {
      break;
    }
    const std::string instruction = rounds[i].substr(0, mark + kAnswerMark.size());
    const std::ptrdiff_t joined = i > 0 && !tokenizer.legacy() ? 1 : 0;
    VLSWEEP_TRY(const auto whole, tokenize_with_image(tokenizer, rounds[i], image_token));
    VLSWEEP_TRY(const auto head, tokenize_with_image(tokenizer, instruction, image_token));
    mask(current, current + std::ssize(head) - 2 - joined);
    current += std::ssize(whole) - joined;
  }
  mask(current, size);
  if (current != total) mask(0, size);
  return {};
}

Result<EncodedSample> encode_vicuna(const Tokenizer& tokenizer, std::string_view system,
                                    std::span<const DialogueTurn> turns, bool has_image,
                                    TokenId image_token) {
  std::vector<std::string> rounds;
  std::string text;
  for (const DialogueTurn& turn : turns) {
    const bool first = rounds.empty();
    rounds.push_back(vicuna_round(first ? system : "", turn, first && has_image));
    text.append(rounds.back()).append(kEnd);
  }
  EncodedSample sample;
  VLSWEEP_TRY(sample.ids, tokenize_with_image(tokenizer, text, image_token));
  sample.labels = sample.ids;
  VLSWEEP_CHECK_OK(mask_vicuna_labels(tokenizer, rounds, image_token, sample));
  return sample;
}

void append(EncodedSample& sample, const std::vector<TokenId>& ids, bool supervised) {
  sample.ids.insert(sample.ids.end(), ids.begin(), ids.end());
  if (supervised) {
    sample.labels.insert(sample.labels.end(), ids.begin(), ids.end());
  } else {
    sample.labels.insert(sample.labels.end(), ids.size(), kIgnoredLabel);
  }
}

// A text that goes on after an image: without the space that sentencepiece puts before a text.
Result<std::vector<TokenId>> encode_continuation(const Tokenizer& tokenizer,
                                                 const std::string& text) {
  VLSWEEP_TRY(std::vector<TokenId> ids, tokenizer.encode(text));
  if (!ids.empty() && ids.front() == tokenizer.find("\u2581")) ids.erase(ids.begin());
  return ids;
}

// The micro-world's form is put together from tokens, so that a prompt is always the beginning of
// its training sample whatever the vocabulary is. Tokens around an image are those that LLaMA's
// tokenizer in transformers gives for "USER: <image>\n...", and those around a text scene's words.
Result<> append_micro_question(const Tokenizer& tokenizer, const DialogueTurn& turn,
                               bool with_image, TokenId image_token, EncodedSample& sample) {
  const std::string text = without_placeholder(turn.user);
  if (with_image) {
    VLSWEEP_TRY(const auto before, tokenizer.encode("USER: "));
    VLSWEEP_TRY(const auto behind,
                encode_continuation(tokenizer, "\n" + stripped(text) + " ASSISTANT:"));
    append(sample, before, false);
    append(sample, {image_token}, false);
    append(sample, behind, false);
  } else {
    VLSWEEP_TRY(const auto whole, tokenizer.encode("USER: " + text + " ASSISTANT:"));
    append(sample, whole, false);
  }
  return {};
}

Result<EncodedSample> encode_micro(const Tokenizer& tokenizer, std::span<const DialogueTurn> turns,
                                   bool has_image, TokenId image_token, bool with_last_answer) {
  EncodedSample sample;
  append(sample, tokenizer.prefix(), false);
  for (std::size_t i = 0; i < turns.size(); ++i) {
    VLSWEEP_CHECK_OK(
        append_micro_question(tokenizer, turns[i], has_image && i == 0, image_token, sample));
    if (i + 1 == turns.size() && !with_last_answer) break;
    VLSWEEP_TRY(const auto answer, tokenizer.encode(without_placeholder(turns[i].assistant)));
    append(sample, answer, true);
    append(sample, {tokenizer.eos()}, true);
  }
  return sample;
}

}  // namespace

Result<PromptStyle> prompt_style(std::string_view name) {
  if (name == "micro") return PromptStyle::micro;
  if (name == "vicuna_v1") return PromptStyle::vicuna_v1;
  if (name == "llava_v1") return PromptStyle::llava_v1;
  return fail(Errc::invalid,
              "prompt must be micro, vicuna_v1 or llava_v1, not " + std::string(name));
}

Result<EncodedSample> encode_training(const Tokenizer& tokenizer, PromptStyle style,
                                      std::span<const DialogueTurn> turns, bool has_image,
                                      TokenId image_token) {
  if (style == PromptStyle::micro) {
    return encode_micro(tokenizer, turns, has_image, image_token, true);
  }
  return encode_vicuna(tokenizer, system_text(style), turns, has_image, image_token);
}

Result<std::vector<TokenId>> encode_prompt(const Tokenizer& tokenizer, PromptStyle style,
                                           std::span<const DialogueTurn> turns, bool has_image,
                                           TokenId image_token) {
  if (style == PromptStyle::micro) {
    VLSWEEP_TRY(EncodedSample sample,
                encode_micro(tokenizer, turns, has_image, image_token, false));
    return std::move(sample.ids);
  }
  std::string text;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const std::string_view system = i == 0 ? system_text(style) : "";
    if (i + 1 < turns.size()) {
      text.append(vicuna_round(system, turns[i], has_image && i == 0)).append(kEnd);
    } else {
      text.append(system).append("USER: ").append(question(turns[i], has_image && i == 0));
      text.append(" ASSISTANT:");
    }
  }
  return tokenize_with_image(tokenizer, text, image_token);
}

std::vector<TokenId> expand_image(std::span<const TokenId> ids, TokenId image_token,
                                  std::int64_t positions) {
  std::vector<TokenId> expanded;
  for (const TokenId id : ids) {
    const auto copies = id == image_token ? static_cast<std::size_t>(positions) : 1;
    expanded.insert(expanded.end(), copies, id);
  }
  return expanded;
}

void expand_image(EncodedSample& sample, TokenId image_token, std::int64_t positions,
                  std::int64_t max_length) {
  std::vector<TokenId> labels;
  for (std::size_t i = 0; i < sample.ids.size(); ++i) {
    if (sample.ids[i] == image_token) {
      labels.insert(labels.end(), static_cast<std::size_t>(positions), kIgnoredLabel);
    } else {
      labels.push_back(sample.labels[i]);
    }
  }
  sample.ids = expand_image(std::span<const TokenId>(sample.ids), image_token, positions);
  sample.labels = std::move(labels);
  if (max_length > 0 && std::ssize(sample.ids) > max_length) {
    sample.ids.resize(static_cast<std::size_t>(max_length));
    sample.labels.resize(static_cast<std::size_t>(max_length));
  }
}

}  // namespace vlsweep
