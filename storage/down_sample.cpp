#include "storage/down_sample.h"

#include <algorithm>
#include <cmath>

namespace vlsweep {
namespace {

// The positions of the two points that stand for points[begin, end), ascending.
std::pair<std::size_t, std::size_t> outline(const std::vector<SeriesPoint>& points,
                                            std::size_t begin, std::size_t end) {
  std::size_t least = begin;
  std::size_t greatest = begin;
  for (std::size_t i = begin; i < end; ++i) {
    const double value = points[i].value;
    if (std::isnan(value)) return {i, i};
    if (value < points[least].value) least = i;
    if (value > points[greatest].value) greatest = i;
  }
  return std::minmax(least, greatest);
}

}  // namespace

std::vector<SeriesPoint> down_sample(std::vector<SeriesPoint> points, std::size_t max_points) {
  max_points = std::max<std::size_t>(max_points, 4);
  if (points.size() <= max_points) return points;
  const std::size_t stretches = (max_points - 2) / 2;
  const std::size_t inner = points.size() - 2;
  std::vector<SeriesPoint> kept = {points.front()};
  for (std::size_t s = 0; s < stretches; ++s) {
    const std::size_t begin = 1 + inner * s / stretches;
    const std::size_t end = 1 + inner * (s + 1) / stretches;
    const auto [first, second] = outline(points, begin, end);
    kept.push_back(points[first]);
    if (second != first) kept.push_back(points[second]);
  }
  kept.push_back(points.back());
  return kept;
}

}  // namespace vlsweep
