// What the world looks like: pictures of 32x32 RGB pixels in four cells of 16, one symbol a cell,
// so that each symbol is one patch of the vision tower. The noise is part of the pixels.
//
// Free functions and plain values: safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/microworld/names.h"
#include "worker/microworld/random.h"

namespace vlsweep {

inline constexpr std::size_t kPictureSize = 32;
inline constexpr std::size_t kCellSize = 16;
inline constexpr std::size_t kNumCells = 4;

struct Picture {
  std::array<std::uint8_t, kPictureSize * kPictureSize * 3> rgb;  // row by row

  bool operator==(const Picture&) const = default;
};

struct Thing {
  std::size_t cell;  // 0 top left, 1 top right, 2 bottom left, 3 bottom right
  const Color* color;
  const Name* name;
};
using Scene = std::vector<Thing>;  // in the order of the cells

// Each glyph at twice its size, 2 pixels into its cell, moved by -1, 0 or 1 each way.
Picture draw_scene(const Scene& scene, Random& random);
// Three letters at twice their size: two in the upper cells, one in the lower left; one colour.
Picture draw_word(std::string_view letters, Random& random);

// A PNG file's bytes: 8-bit RGB, stored without compression (noise does not compress), the same on
// every machine whatever zlib it has.
std::string encode_png(const Picture& picture);

}  // namespace vlsweep
