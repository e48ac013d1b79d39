// Fewer points with the same outline, for charts.
//
// Free function, safe from any thread.
#pragma once

#include <cstddef>
#include <vector>

#include "orchestrator/protocol/stage.h"

namespace vlsweep {

// At most max_points (at least 4) of the points, in their order: the first, the last, and of each
// stretch of equally many points the one with the least and the one with the greatest value. A
// value that is not a number is kept before all others of its stretch: a diverged loss must be
// seen.
std::vector<SeriesPoint> down_sample(std::vector<SeriesPoint> points, std::size_t max_points);

}  // namespace vlsweep
