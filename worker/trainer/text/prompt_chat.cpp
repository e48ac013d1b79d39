// The checkpoint's own chat template: ids as transformers' apply_chat_template(tokenize=True) gives
// them. For training, an assistant turn is what the rendered text with it has more than the text
// that asks for it (add_generation_prompt), in tokens, up to the turn's end token.
#include <algorithm>

#include "worker/trainer/text/chat_template.h"
#include "worker/trainer/text/prompt_form.h"

namespace vlsweep {
namespace {

std::vector<ChatMessage> messages_of(const Dialogue& dialogue, bool with_last_answer) {
  std::vector<ChatMessage> messages;
  for (std::size_t i = 0; i < dialogue.turns.size(); ++i) {
    const DialogueTurn& turn = dialogue.turns[i];
    const bool first = i == 0;
    if (first && !turn.system.empty()) {
      messages.push_back({"system", without_placeholder(turn.system)});
    }
    messages.push_back({"user", without_placeholder(turn.user), first && dialogue.has_image});
    if (i + 1 == dialogue.turns.size() && !with_last_answer) break;
    messages.push_back({"assistant", without_placeholder(turn.assistant)});
  }
  return messages;
}

Result<std::vector<TokenId>> encode(const Dialogue& dialogue, std::span<const ChatMessage> messages,
                                    bool add_generation_prompt) {
  VLSWEEP_TRY(const ChatTemplate* chat, dialogue.tokenizer.chat_template());
  VLSWEEP_TRY(const std::string text, chat->render(messages, add_generation_prompt));
  if (dialogue.has_image && text.find(kImagePlaceholder) == text.npos) {
    return fail(Errc::invalid, "the checkpoint's chat template has no <image> for an image");
  }
  // Where <image> is a token, it is split out as any other.
  if (dialogue.tokenizer.image() == dialogue.image_token) return dialogue.tokenizer.encode(text);
  return encode_around_image(dialogue, text);
}

bool ends_turn(const Tokenizer& tokenizer, TokenId id) {
  return id == tokenizer.eos() || std::ranges::count(tokenizer.eos_ids(), id) > 0;
}

Result<std::vector<TokenId>> prompt(const Dialogue& dialogue) {
  return encode(dialogue, messages_of(dialogue, false), true);
}

Result<EncodedSample> training(const Dialogue& dialogue) {
  const std::vector<ChatMessage> messages = messages_of(dialogue, true);
  EncodedSample sample;
  VLSWEEP_TRY(sample.ids, encode(dialogue, messages, false));
  sample.labels.assign(sample.ids.size(), kIgnoredLabel);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role != "assistant") continue;
    VLSWEEP_TRY(const auto before, encode(dialogue, std::span(messages).first(i), true));
    VLSWEEP_TRY(const auto with, encode(dialogue, std::span(messages).first(i + 1), false));
    const std::size_t begin = common_prefix(sample.ids, before);
    const std::size_t end = common_prefix(sample.ids, with);
    for (std::size_t at = begin; at < end; ++at) {
      sample.labels[at] = sample.ids[at];
      if (ends_turn(dialogue.tokenizer, sample.ids[at])) break;
    }
  }
  return sample;
}

}  // namespace

const PromptForm kChatForm{PromptStyle::chat, "chat", training, prompt};

}  // namespace vlsweep
