// The special and added tokens of a Hugging Face tokenizer folder, read from tokenizer_config.json,
// special_tokens_map.json and added_tokens.json, and the splitting of texts at them.
// Plain values; safe from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct AddedToken {
  std::string text;
  std::int64_t id = 0;
  bool special = true;
  bool strip_left = false;   // takes the white space before it
  bool strip_right = false;  // takes the white space behind it
};

struct TokenizerSettings {
  std::string bos = "<s>", eos = "</s>", unk = "<unk>";
  std::optional<std::string> pad;
  std::vector<std::int64_t> eos_ids;  // as generation_config.json, else config.json has them
  bool legacy = true;
  std::vector<AddedToken> added;
};

// Files that are not there leave the defaults; each is at most 16 MiB.
Result<TokenizerSettings> load_tokenizer_settings(const std::filesystem::path& folder);

// A text cut at the added tokens: plain pieces and ids, in order; the longest token wins.
using TextPiece = std::variant<std::string_view, const AddedToken*>;
std::vector<TextPiece> split_at_tokens(
    std::string_view text, const std::map<std::string, AddedToken, std::less<>>& tokens);

}  // namespace vlsweep
