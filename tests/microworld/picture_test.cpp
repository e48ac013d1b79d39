// Pictures and their PNG files: what libpng reads back is what was drawn, and what was drawn is the
// glyphs.
#include "worker/microworld/picture.h"

#include <gtest/gtest.h>
#include <png.h>

#include <cmath>
#include <set>

#include "worker/microworld/item.h"

namespace vlsweep {
namespace {

Picture decoded(const std::string& file) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_TRUE(png_image_begin_read_from_memory(&image, file.data(), file.size())) << image.message;
  EXPECT_EQ(image.width, kPictureSize);
  EXPECT_EQ(image.height, kPictureSize);
  image.format = PNG_FORMAT_RGB;
  Picture picture;
  EXPECT_TRUE(png_image_finish_read(&image, nullptr, picture.rgb.data(), 0, nullptr));
  EXPECT_EQ(image.warning_or_error, 0U) << image.message;
  return picture;
}

// Squared distance of the cell's pixels to a symbol in a colour, at its best jitter.
double distance(const Picture& picture, std::size_t cell, std::span<const std::uint8_t> rows,
                int width, const Color& color) {
  double best = 1e18;
  const int height = static_cast<int>(rows.size());
  for (int shift = 0; shift < 9; ++shift) {
    const int top = (16 - 2 * height) / 2 + shift / 3 - 1;
    const int left = (16 - 2 * width) / 2 + shift % 3 - 1;
    double sum = 0;
    for (int y = 0; y < 16; ++y) {
      for (int x = 0; x < 16; ++x) {
        const int row = y >= top ? (y - top) / 2 : height;
        const int column = x >= left ? (x - left) / 2 : width;
        const bool set = row < height && column < width &&
                         (rows[static_cast<std::size_t>(row)] >> (width - 1 - column) & 1);
        const auto pixel = (static_cast<std::size_t>(y) + cell / 2 * 16) * 32 +
                           static_cast<std::size_t>(x) + cell % 2 * 16;
        for (std::size_t c = 0; c < 3; ++c) {
          const double expected = set ? color.rgb[c] : 40;
          sum += std::pow(picture.rgb[pixel * 3 + c] - expected, 2);
        }
      }
    }
    best = std::min(best, sum);
  }
  return best;
}

TEST(Picture, IsReadBackByLibpng) {
  Random random(0, "png");
  for (int i = 0; i < 20; ++i) {
    const Picture picture = draw_scene(random_scene(random, all_names()), random);
    EXPECT_EQ(decoded(encode_png(picture)), picture);
  }
}

TEST(Picture, ShowsTheGlyphsOfItsScene) {
  Random random(1, "glyphs");
  for (int i = 0; i < 60; ++i) {
    const Scene scene = random_scene(random, all_names());
    const Picture picture = decoded(encode_png(draw_scene(scene, random)));
    for (const Thing& thing : scene) {
      std::pair<double, std::string> nearest{1e18, ""};
      for (const Name& name : all_names()) {
        for (const Color& color : colors()) {
          const double d = distance(picture, thing.cell, name.glyph, 6, color);
          nearest = std::min(nearest, {d, std::string(color.word) + "-" + std::string(name.word)});
        }
      }
      EXPECT_EQ(nearest.second, scene_words(scene)[thing.cell]);
    }
  }
}

TEST(Picture, ShowsTheLettersOfItsWord) {
  Random random(2, "letters");
  for (int i = 0; i < 60; ++i) {
    const std::string letters = random_letters(random);
    const Picture picture = decoded(encode_png(draw_word(letters, random)));
    std::string seen;
    for (std::size_t cell = 0; cell < letters.size(); ++cell) {
      std::pair<double, char> nearest{1e18, ' '};
      for (char letter = 'a'; letter <= 'z'; ++letter) {
        for (const Color& color : colors()) {
          const double d = distance(picture, cell, letter_rows(letter), 3, color);
          nearest = std::min(nearest, {d, letter});
        }
      }
      seen.push_back(nearest.second);
    }
    EXPECT_EQ(seen, letters);
  }
}

TEST(Picture, HasNoiseOfTheStatedSize) {
  Random random(3, "noise");
  double sum = 0;
  double squares = 0;
  int count = 0;
  for (int i = 0; i < 20; ++i) {
    const Picture picture = draw_word("aaa", random);
    for (std::size_t y = 16; y < 32; ++y) {  // the empty cell
      for (std::size_t x = 16 * 3; x < 32 * 3; ++x) {
        const double noise = picture.rgb[y * 32 * 3 + x] - 40.0;
        sum += noise;
        squares += noise * noise;
        ++count;
      }
    }
  }
  EXPECT_NEAR(sum / count, 0, 0.6);
  EXPECT_NEAR(std::sqrt(squares / count), 16, 0.5);
}

TEST(Names, HaveCodesAndGlyphsOfTheirOwn) {
  std::set<std::string> codes;
  for (const Name& name : all_names()) {
    codes.insert(std::string(name.code_first) + " " + std::string(name.code_second));
    for (const Name& other : all_names()) {
      if (&other == &name) continue;
      int different = 0;
      for (std::size_t i = 0; i < 6; ++i) {
        different += __builtin_popcount(static_cast<unsigned>(name.glyph[i] ^ other.glyph[i]));
      }
      EXPECT_GE(different, 10) << name.word << " and " << other.word;
    }
  }
  EXPECT_EQ(codes.size(), all_names().size());
  EXPECT_EQ(free_names().size(), 16U);
  EXPECT_EQ(sealed_names().size(), 16U);
  for (const Name& name : sealed_names()) EXPECT_TRUE(name.is_sealed());
  for (const Name& name : free_names()) EXPECT_FALSE(name.is_sealed());
}

}  // namespace
}  // namespace vlsweep
