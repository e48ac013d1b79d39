// What stands behind a Tokenizer: how plain text, from which the added tokens are split out
// already, becomes ids and back. Implementations are immutable and safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

using TokenId = std::int64_t;

// One piece of a sentencepiece model; its id is its place in the list.
struct SentencePiece {
  std::string text;
  float score = 0;
  bool ordinary = true;  // neither control, unknown, byte nor special
};

// A token to decode: `added` is its text where it is one of the added tokens.
struct ShownToken {
  TokenId id = 0;
  const std::string* added = nullptr;
};

class TextModel {
 public:
  TextModel() = default;
  TextModel(const TextModel&) = delete;
  TextModel& operator=(const TextModel&) = delete;
  virtual ~TextModel() = default;

  // The text as the model wants it. All texts given to a model are valid UTF-8.
  virtual Result<std::string> normalize(std::string_view text) const = 0;
  // Appends the ids of normalized text; `first`: it begins where the whole text begins.
  virtual Result<> encode(std::string_view text, bool first, std::vector<TokenId>& ids) const = 0;
  virtual std::string decode(std::span<const ShownToken> tokens) const = 0;
  virtual std::optional<TokenId> find(std::string_view token) const = 0;
  virtual TokenId size() const = 0;  // largest id + 1
  // The vocabulary's own text of an id ("\u2581Hello"); empty where there is none.
  virtual std::string token(TokenId id) const = 0;
  // Of a sentencepiece model; empty for others.
  virtual std::vector<SentencePiece> pieces() const = 0;
};

}  // namespace vlsweep
