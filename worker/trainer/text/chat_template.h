// A checkpoint's own chat template: Jinja, rendered by minja, which stands in chat_template.cpp
// alone. Immutable; safe from any thread.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct ChatMessage {
  std::string_view role;  // system, user or assistant
  std::string content;
  bool image = false;  // an image stands before the content
};

class ChatTemplate {
 public:
  // The template of a folder, looked for where transformers does: chat_template.jinja, then
  // tokenizer_config.json's chat_template (a text, or a list of named ones: "default"), then
  // chat_template.json. `variables`: bos_token and so on. At most 32 KiB. `not_found` where the
  // folder has none.
  static Result<ChatTemplate> load(const std::filesystem::path& folder,
                                   std::map<std::string, std::string> variables);
  static Result<ChatTemplate> parse(std::string source,
                                    std::map<std::string, std::string> variables,
                                    const std::string& where);

  // As transformers' apply_chat_template renders it (blocks trimmed, no tools or documents), but
  // without a clock: strftime_now is not defined, so that a prompt is the same every day. `invalid`
  // with the template's own complaint where it refuses the messages.
  Result<std::string> render(std::span<const ChatMessage> messages,
                             bool add_generation_prompt) const;

 private:
  struct Parsed;
  ChatTemplate() = default;
  Result<std::string> render_as(std::span<const ChatMessage> messages, bool add_generation_prompt,
                                bool typed) const;

  std::shared_ptr<const Parsed> parsed_;
  std::string where_;
  bool typed_ = false;  // contents are lists of {"type": ...}, as processors' templates take them
};

}  // namespace vlsweep
