// The BPE model of a tokenizer.json: a vocabulary and merges by rank, as the tokenizers library
// applies them. Immutable after reading; safe from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "worker/trainer/text/text_model.h"

namespace vlsweep {

class BpeModel {
 public:
  // The "model" of `where`. Refused by name: another type than BPE, dropout, continuing_subword_-
  // prefix and end_of_word_suffix; merges of tokens that the vocabulary lacks; ids that repeat.
  static Result<BpeModel> read(const nlohmann::json& object, const std::string& where);

  // Appends the ids of one word (what a pre-tokenizer leaves in one piece); O(n log n).
  // `invalid` where an unknown character needs an unk_token that the vocabulary lacks.
  Result<> encode(std::string_view word, std::vector<TokenId>& ids) const;
  std::optional<TokenId> find(std::string_view token) const;
  const std::string* token(TokenId id) const;  // null: no such id
  TokenId size() const { return static_cast<TokenId>(tokens_.size()); }

 private:
  struct Merged {
    std::uint32_t rank = 0, id = 0;
  };
  class Word;

  Result<> read_vocabulary(const nlohmann::json& vocabulary, const std::string& where);
  Result<> read_merges(const nlohmann::json& merges, const std::string& where);
  Result<> add_merge(std::string_view left, std::string_view right, std::size_t rank,
                     const std::string& where);
  Result<> find_special(const nlohmann::json& object, const std::string& where);
  const Merged* merged(std::uint32_t left, std::uint32_t right) const;
  Result<> add_symbols(std::string_view word, std::vector<std::uint32_t>& symbols) const;

  std::vector<std::string> tokens_;  // by id; where there is none, empty
  std::unordered_map<std::string_view, std::uint32_t> ids_;
  std::unordered_map<std::uint64_t, Merged> merges_;
  std::vector<std::optional<std::uint32_t>> bytes_;  // ids of <0x00>...<0xFF>, with byte_fallback
  std::optional<std::uint32_t> unknown_;
  bool drop_unknown_ = false, fuse_unknown_ = false, ignore_merges_ = false;
};

}  // namespace vlsweep
