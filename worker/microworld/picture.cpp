#include "worker/microworld/picture.h"

#include <algorithm>

namespace vlsweep {
namespace {

constexpr std::uint8_t kBackground = 40;
constexpr int kScale = 2;
constexpr int kNoise = 16;  // standard deviation of the noise

// A symbol's bits, `width` a row, at twice their size in the middle of a cell.
void draw_symbol(Picture& picture, std::size_t cell, std::span<const std::uint8_t> rows, int width,
                 const Color& color, Random& random) {
  const int cell_size = static_cast<int>(kCellSize);
  const int height = static_cast<int>(rows.size());
  const int top = static_cast<int>(cell / 2) * cell_size + (cell_size - kScale * height) / 2 +
                  random.between(-1, 1);
  const int left = static_cast<int>(cell % 2) * cell_size + (cell_size - kScale * width) / 2 +
                   random.between(-1, 1);
  for (int y = 0; y < kScale * height; ++y) {
    for (int x = 0; x < kScale * width; ++x) {
      const unsigned row = rows[static_cast<std::size_t>(y / kScale)];
      if (!((row >> (width - 1 - x / kScale)) & 1U)) continue;
      const int pixel = (top + y) * static_cast<int>(kPictureSize) + left + x;
      std::ranges::copy(color.rgb, picture.rgb.begin() + pixel * 3);
    }
  }
}

// Near enough to Gaussian: the sum of four random bytes (mean 510, standard deviation 147.8),
// scaled in whole numbers, since no two libms agree on the last bit of a logarithm.
int noise_of(std::uint32_t bits) {
  const int sum =
      static_cast<int>((bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24));
  const int scaled = (sum - 510) * kNoise * 443;  // 443 / 65536 = 1 / 147.9
  return (scaled + (scaled < 0 ? -32768 : 32768)) / 65536;
}

void add_noise(Picture& picture, Random& random) {
  const auto noisy = [](std::uint8_t value, std::uint32_t bits) {
    return static_cast<std::uint8_t>(std::clamp(value + noise_of(bits), 0, 255));
  };
  for (std::size_t i = 0; i < picture.rgb.size(); i += 2) {
    const std::uint64_t bits = random.next();
    picture.rgb[i] = noisy(picture.rgb[i], static_cast<std::uint32_t>(bits));
    picture.rgb[i + 1] = noisy(picture.rgb[i + 1], static_cast<std::uint32_t>(bits >> 32));
  }
}

Picture blank_picture() {
  Picture picture;
  picture.rgb.fill(kBackground);
  return picture;
}

}  // namespace

Picture draw_scene(const Scene& scene, Random& random) {
  Picture picture = blank_picture();
  for (const Thing& thing : scene) {
    draw_symbol(picture, thing.cell, thing.name->glyph, 6, *thing.color, random);
  }
  add_noise(picture, random);
  return picture;
}

Picture draw_word(std::string_view letters, Random& random) {
  Picture picture = blank_picture();
  const Color& color = random.pick(colors());
  for (std::size_t i = 0; i < letters.size(); ++i) {
    draw_symbol(picture, i, letter_rows(letters[i]), 3, color, random);
  }
  add_noise(picture, random);
  return picture;
}

}  // namespace vlsweep
