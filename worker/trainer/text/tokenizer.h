// A Hugging Face folder's tokenizer: tokenizer.model (sentencepiece, as LLaMA's slow tokenizer) or
// tokenizer.json (BPE, as the tokenizers library), with the added and special tokens of the files
// beside it, which are split out of a text before the model sees the rest.
//
// Immutable after load; every const function is safe from any thread.
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
#include "worker/trainer/text/text_model.h"

namespace vlsweep {

class ChatTemplate;

class Tokenizer {
 public:
  // tokenizer.model counts where there is one and tokenizer_class is LLaMA's or not stated: then
  // ids are those of the slow LlamaTokenizer with its `legacy` flag (absent = legacy), as LLaVA's
  // use_fast=False. Otherwise tokenizer.json as it stands. Files of at most 64 MiB.
  static Result<Tokenizer> load(const std::filesystem::path& folder);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Token ids of a text, without bos or eos. Special tokens inside the text become their ids;
  // malformed UTF-8 becomes U+FFFD. `invalid` where the model cannot cut the text.
  Result<std::vector<TokenId>> encode(std::string_view text) const;
  // encode() with what the tokenizer puts around a text (transformers' add_special_tokens): bos
  // where LLaMA's add_bos_token asks for it, nothing for a model such as SmolLM2.
  Result<std::vector<TokenId>> encode_with_bos(std::string_view text) const;
  // What encode_with_bos puts before a text.
  const std::vector<TokenId>& prefix() const;
  // The text of ids; special tokens (bos, eos, pad, <image>) are left out unless asked for. Ids
  // outside the vocabulary are left out.
  std::string decode(std::span<const TokenId> ids, bool keep_special = false) const;
  std::optional<TokenId> find(std::string_view token) const;
  // The token of an id as the vocabulary writes it (transformers' convert_ids_to_tokens).
  std::string token(TokenId id) const;

  // Of a sentencepiece model; empty for others.
  std::vector<SentencePiece> pieces() const;

  std::optional<TokenId> bos() const;
  TokenId eos() const;                          // tokenizer_config.json's: what ends an answer
  const std::vector<TokenId>& eos_ids() const;  // generation ends at any: generation_config.json's
  std::optional<TokenId> unk() const;
  TokenId pad() const;                   // the pad token, or unk, or eos where there is none
  std::optional<TokenId> image() const;  // "<image>"
  // Whether a text behind a special token is cut as one at the beginning is.
  bool legacy() const;
  std::int64_t vocab_size() const;  // largest id + 1
  // The folder's own; `not_found` where it has none, `invalid` where it is none that can be used.
  Result<const ChatTemplate*> chat_template() const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vlsweep
