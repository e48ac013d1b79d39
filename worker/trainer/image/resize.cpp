// Pillow's Image.resize with BICUBIC (libImaging/Resample.c), in its fixed-point arithmetic: a
// filter of a = -0.5, widened when shrinking, coefficients of 22 fractional bits, rows first, 8
// bits between the two passes.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "worker/trainer/image/preprocess.h"

namespace vlsweep {
namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;
constexpr double kBicubicSupport = 2.0;

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// For each output position the first input position and its fixed-point weights.
struct Taps {
  int width = 0;  // weights per output position
  std::vector<int> first, count;
  std::vector<std::int32_t> weights;  // [output, width]
};

Taps make_taps(int input, int output) {
  const double scale = static_cast<double>(input) / output;
  const double filter_scale = std::max(scale, 1.0);
  const double support = kBicubicSupport * filter_scale;
  Taps taps;
  taps.width = static_cast<int>(std::ceil(support)) * 2 + 1;
  taps.weights.assign(static_cast<std::size_t>(output) * static_cast<std::size_t>(taps.width), 0);
  std::vector<double> exact(static_cast<std::size_t>(taps.width));
  for (int i = 0; i < output; ++i) {
    const double center = (i + 0.5) * scale;
    const double inverse = 1.0 / filter_scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int count = std::min(static_cast<int>(center + support + 0.5), input) - first;
    double sum = 0.0;
    for (int k = 0; k < count; ++k) {
      exact[static_cast<std::size_t>(k)] = bicubic((k + first - center + 0.5) * inverse);
      sum += exact[static_cast<std::size_t>(k)];
    }
    std::int32_t* weights =
        &taps.weights[static_cast<std::size_t>(i) * static_cast<std::size_t>(taps.width)];
    for (int k = 0; k < count; ++k) {
      double weight = exact[static_cast<std::size_t>(k)];
      if (sum != 0.0) weight /= sum;
      const double fixed = weight * (1 << kPrecisionBits);
      weights[k] = static_cast<std::int32_t>(fixed + (weight < 0 ? -0.5 : 0.5));
    }
    taps.first.push_back(first);
    taps.count.push_back(count);
  }
  return taps;
}

std::uint8_t clip8(std::int32_t fixed) {
  return static_cast<std::uint8_t>(std::clamp(fixed >> kPrecisionBits, 0, 255));
}

// One output pixel: `stride` bytes lie between neighbours along the filtered axis.
void filter_pixel(const std::uint8_t* source, std::size_t stride, const std::int32_t* weights,
                  int count, std::uint8_t* target) {
  constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);
  std::int32_t red = kHalf, green = kHalf, blue = kHalf;
  for (int k = 0; k < count; ++k, source += stride) {
    red += source[0] * weights[k];
    green += source[1] * weights[k];
    blue += source[2] * weights[k];
  }
  target[0] = clip8(red);
  target[1] = clip8(green);
  target[2] = clip8(blue);
}

std::size_t at(int x) { return static_cast<std::size_t>(x); }

Image resize_rows(const Image& image, int width) {
  const Taps taps = make_taps(image.width, width);
  Image result{width, image.height, std::vector<std::uint8_t>(at(width) * at(image.height) * 3)};
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* row = &image.rgb[at(y) * at(image.width) * 3];
    std::uint8_t* target = &result.rgb[at(y) * at(width) * 3];
    for (int x = 0; x < width; ++x) {
      filter_pixel(row + at(taps.first[at(x)]) * 3, 3, &taps.weights[at(x) * at(taps.width)],
                   taps.count[at(x)], target + at(x) * 3);
    }
  }
  return result;
}

Image resize_columns(const Image& image, int height) {
  const Taps taps = make_taps(image.height, height);
  const std::size_t stride = at(image.width) * 3;
  Image result{image.width, height, std::vector<std::uint8_t>(stride * at(height))};
  for (int y = 0; y < height; ++y) {
    const std::uint8_t* first = &image.rgb[at(taps.first[at(y)]) * stride];
    const std::int32_t* weights = &taps.weights[at(y) * at(taps.width)];
    for (int x = 0; x < image.width; ++x) {
      filter_pixel(first + at(x) * 3, stride, weights, taps.count[at(y)],
                   &result.rgb[at(y) * stride + at(x) * 3]);
    }
  }
  return result;
}

}  // namespace

Image resize_bicubic(const Image& image, int width, int height) {
  if (width == image.width && height == image.height) return image;
  if (width == image.width) return resize_columns(image, height);
  if (height == image.height) return resize_rows(image, width);
  const bool columns_first = image.height - height > std::max(0, 2 * (image.width - width));
  return columns_first ? resize_rows(resize_columns(image, height), width)
                       : resize_columns(resize_rows(image, width), height);
}

}  // namespace vlsweep
