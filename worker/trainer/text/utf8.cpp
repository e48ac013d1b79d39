#include "worker/trainer/text/utf8.h"

#include <algorithm>

namespace vlsweep {
namespace {

struct Lead {
  std::size_t length;                       // of the whole sequence; 0: no sequence begins so
  unsigned char least = 0x80, most = 0xbf;  // what the second byte may be
};

// Unicode's table 3-7 (well-formed byte sequences).
Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xc2 || byte > 0xf4) return {0};
  if (byte < 0xe0) return {2};
  if (byte == 0xe0) return {3, 0xa0, 0xbf};
  if (byte == 0xed) return {3, 0x80, 0x9f};
  if (byte < 0xf0) return {3};
  if (byte == 0xf0) return {4, 0x90, 0xbf};
  if (byte == 0xf4) return {4, 0x80, 0x8f};
  return {4};
}

// Length of the longest part at the front that could begin a well-formed sequence.
std::size_t well_formed_prefix(std::string_view text, const Lead& lead) {
  std::size_t length = 1;
  for (; length < lead.length && length < text.size(); ++length) {
    const auto byte = static_cast<unsigned char>(text[length]);
    const bool second = length == 1;
    if (byte < (second ? lead.least : 0x80) || byte > (second ? lead.most : 0xbf)) break;
  }
  return length;
}

}  // namespace

std::string repair_utf8(std::string_view text) {
  std::string repaired;
  repaired.reserve(text.size());
  while (!text.empty()) {
    const Lead lead = lead_of(static_cast<unsigned char>(text.front()));
    const std::size_t length = well_formed_prefix(text, lead);
    if (lead.length == length) {
      repaired.append(text.substr(0, length));
    } else {
      repaired.append("\uFFFD");
    }
    text.remove_prefix(length);
  }
  return repaired;
}

void append_utf8(std::string& text, char32_t code_point) {
  const auto byte = [&text](char32_t value) { text.push_back(static_cast<char>(value)); };
  if (code_point < 0x80) return byte(code_point);
  if (code_point < 0x800) {
    byte(0xc0 | code_point >> 6);
  } else if (code_point < 0x10000) {
    byte(0xe0 | code_point >> 12);
    byte(0x80 | (code_point >> 6 & 0x3f));
  } else {
    byte(0xf0 | code_point >> 18);
    byte(0x80 | (code_point >> 12 & 0x3f));
    byte(0x80 | (code_point >> 6 & 0x3f));
  }
  byte(0x80 | (code_point & 0x3f));
}

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const std::size_t length = utf8_length(text[at]);
  const auto first = static_cast<unsigned char>(text[at]);
  char32_t code_point = length == 1 ? first : first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    code_point = code_point << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3fU);
  }
  at += length;
  return code_point;
}

}  // namespace vlsweep
