// GPT-2's alphabet: every byte stands as one printable character. Pure functions; safe from any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vlsweep {

// Each byte as its character.
std::string to_byte_characters(std::string_view bytes);
// The bytes of a token; nothing where a character stands for no byte. The token is valid UTF-8.
std::optional<std::string> from_byte_characters(std::string_view token);

}  // namespace vlsweep
