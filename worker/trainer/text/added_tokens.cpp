#include "worker/trainer/text/added_tokens.h"

#include <algorithm>
#include <functional>

#include "worker/trainer/text/pattern.h"
#include "worker/trainer/text/utf8.h"

namespace vlsweep {
namespace {

constexpr bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

// \w of the regex crate, with which the library looks at the neighbours of a single-word token.
bool is_word_character(std::string_view character) {
  static const Result<Pattern> kWord = Pattern::regex(
      "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]", "single_word tokens");
  const auto found = kWord->find_all(character);
  return found && !found->empty();
}

std::size_t last_code_point(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
  return at;
}

bool is_apart(std::string_view before, std::string_view behind) {
  const bool joined_left =
      !before.empty() && is_word_character(before.substr(last_code_point(before)));
  const bool joined_right =
      !behind.empty() && is_word_character(behind.substr(0, utf8_length(behind.front())));
  return !joined_left && !joined_right;
}

// Where the white space at the end of a text begins.
std::size_t end_without_space(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    const std::size_t last = last_code_point(text.substr(0, end));
    std::size_t at = last;
    if (!is_white_space(next_code_point(text, at))) break;
    end = last;
  }
  return end;
}

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    std::size_t next = at;
    if (!is_white_space(next_code_point(text, next))) break;
    at = next;
  }
  return at;
}

}  // namespace

void AddedTokenSet::add(std::string pattern, AddedToken token) {
  if (pattern.empty()) return;
  auto& lengths = lengths_[static_cast<unsigned char>(pattern.front())];
  const auto place = std::ranges::lower_bound(lengths, pattern.size(), std::greater());
  if (place == lengths.end() || *place != pattern.size()) lengths.insert(place, pattern.size());
  tokens_.insert_or_assign(std::move(pattern), std::move(token));
}

// The longest token that begins at `text`.
const AddedToken* AddedTokenSet::match(std::string_view text, std::size_t& length) const {
  for (const std::size_t candidate : lengths_[static_cast<unsigned char>(text.front())]) {
    if (candidate > text.size()) continue;
    const auto found = tokens_.find(std::string(text.substr(0, candidate)));
    if (found == tokens_.end()) continue;
    length = candidate;
    return &found->second;
  }
  return nullptr;
}

std::vector<TextPiece> AddedTokenSet::split(std::string_view text) const {
  std::vector<TextPiece> pieces;
  std::size_t done = 0;
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    length = 1;
    const AddedToken* token = match(text.substr(at), length);
    if (!token) continue;
    if (token->single_word && !is_apart(text.substr(0, at), text.substr(at + length))) continue;
    std::size_t begin = at, end = at + length;
    if (token->strip_left) begin = std::max(end_without_space(text.substr(0, at)), done);
    if (token->strip_right) end = skip_space(text, end);
    if (done < begin) pieces.push_back({text.substr(done, begin - done)});
    pieces.push_back({text.substr(begin, end - begin), token});
    done = end;
  }
  if (done < text.size()) pieces.push_back({text.substr(done)});
  return pieces;
}

}  // namespace vlsweep
