// The things of the world: 32 names of three letters, 16 free and 16 sealed (four of each family),
// each with its code of two words and its glyph; four colours; the letters' 3x5 font. All fixed: no
// seed changes them.
//
// Constants: safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace vlsweep {

struct Name {
  std::string_view word;
  std::string_view family;  // empty: a free name
  std::string_view code_first;
  std::string_view code_second;
  std::array<std::uint8_t, 6> glyph;  // six rows of six bits, the left pixel the highest

  bool is_sealed() const { return !family.empty(); }
};

struct Color {
  std::string_view word;
  std::array<std::uint8_t, 3> rgb;
};

std::span<const Name> all_names();
std::span<const Name> free_names();
std::span<const Name> sealed_names();
std::span<const Color> colors();
std::span<const std::string_view> families();

// Five rows of three bits; `letter` is a to z.
std::span<const std::uint8_t, 5> letter_rows(char letter);

}  // namespace vlsweep
