// A Hugging Face folder's LLaMA tokenizer: tokenizer.model (sentencepiece) plus the added and
// special tokens of tokenizer_config.json / added_tokens.json. Special and added tokens are split
// out of a text before sentencepiece sees the rest.
//
// Immutable after load; encode and decode are safe from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

using TokenId = std::int64_t;

// One piece of the sentencepiece model; its id is its place in the list.
struct SentencePiece {
  std::string text;
  float score = 0;
  bool ordinary = true;  // neither control, unknown, byte nor special
};

class Tokenizer {
 public:
  // Matched: slow LlamaTokenizer with its `legacy` flag, as tokenizer_config.json states it (absent
  // = legacy). tokenizer.model is at most 64 MiB.
  static Result<Tokenizer> load(const std::filesystem::path& folder);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Token ids of a text, without bos or eos. Special tokens inside the text become their ids.
  Result<std::vector<TokenId>> encode(std::string_view text) const;
  // encode() with what the tokenizer puts around a text (transformers' add_special_tokens): bos
  // where LLaMA's add_bos_token asks for it, nothing for a model such as SmolLM2.
  Result<std::vector<TokenId>> encode_with_bos(std::string_view text) const;
  // The text of ids; special tokens (bos, eos, pad, <image>) are left out unless asked for. Ids
  // outside the vocabulary are left out.
  std::string decode(std::span<const TokenId> ids, bool keep_special = false) const;
  std::optional<TokenId> find(std::string_view token) const;

  std::vector<SentencePiece> pieces() const;

  std::optional<TokenId> bos() const;
  TokenId eos() const;                          // tokenizer_config.json's: what ends an answer
  const std::vector<TokenId>& eos_ids() const;  // generation ends at any: generation_config.json's
  std::optional<TokenId> unk() const;
  TokenId pad() const;                   // the pad token, or unk, or eos where there is none
  std::optional<TokenId> image() const;  // "<image>"
  bool legacy() const;
  std::int64_t vocab_size() const;  // largest id + 1

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vlsweep
