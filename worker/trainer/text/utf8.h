// UTF-8 of texts that come from outside. Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vlsweep {

// The text with every malformed stretch replaced by U+FFFD, as Python's
// bytes.decode(errors="replace") does it (one mark per maximal ill-formed prefix).
std::string repair_utf8(std::string_view text);

// Bytes of the code point that begins with `first`, in text that is valid UTF-8.
constexpr std::size_t utf8_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

void append_utf8(std::string& text, char32_t code_point);
// The code point at text[at], and moves `at` behind it. The text is valid UTF-8.
char32_t next_code_point(std::string_view text, std::size_t& at);

}  // namespace vlsweep
