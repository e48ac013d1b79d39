// Added and special tokens, and the splitting of texts at them, as the tokenizers library does it
// (AddedVocabulary): leftmost, the longest at a place. Built once, then safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace vlsweep {

struct AddedToken {
  std::string text;
  std::int64_t id = 0;
  bool special = true;
  bool strip_left = false;   // takes the white space before it
  bool strip_right = false;  // takes the white space behind it
  bool single_word = false;  // not within a word
  bool normalized = false;   // looked for in normalized text, not in the text as it came
};

// A plain piece of a text (token == null), or an added token.
struct TextPiece {
  std::string_view text;
  const AddedToken* token = nullptr;
};

class AddedTokenSet {
 public:
  // `pattern` is what to look for: the token's text, normalized if it is a normalized token. The
  // last token of a pattern counts; an empty pattern is none.
  void add(std::string pattern, AddedToken token);
  // Views into `text` (valid UTF-8) and pointers into this set.
  std::vector<TextPiece> split(std::string_view text) const;

 private:
  const AddedToken* match(std::string_view text, std::size_t& length) const;

  std::unordered_map<std::string, AddedToken> tokens_;
  std::array<std::vector<std::size_t>, 256> lengths_;  // by first byte: descending, no repeats
};

}  // namespace vlsweep
