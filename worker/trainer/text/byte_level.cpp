#include "worker/trainer/text/byte_level.h"

#include <array>

#include "worker/trainer/text/utf8.h"

namespace vlsweep {
namespace {

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

// bytes_to_unicode() of GPT-2: what is not printable stands from U+0100 on, in order.
struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int, 512> bytes{};

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const char32_t character = stands_for_itself(byte) ? byte : next++;
      append_utf8(characters[byte], character);
      bytes[character] = static_cast<int>(byte);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

std::string to_byte_characters(std::string_view bytes) {
  const Alphabet& known = alphabet();
  std::string result;
  result.reserve(bytes.size() + bytes.size() / 4);
  for (const char byte : bytes) result += known.characters[static_cast<unsigned char>(byte)];
  return result;
}

std::optional<std::string> from_byte_characters(std::string_view token) {
  const Alphabet& known = alphabet();
  std::string bytes;
  for (std::size_t at = 0; at < token.size();) {
    const char32_t character = next_code_point(token, at);
    const int byte = character < known.bytes.size() ? known.bytes[character] : -1;
    if (byte < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

}  // namespace vlsweep
