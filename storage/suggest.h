// "Did you mean": the known names nearest to one that is not known.
//
// Free functions, safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vlsweep {

// Names at a small edit distance, or that hold `name` as a part, nearest first; at most `limit`.
std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& known,
                                       std::size_t limit = 3);

// "there is no metric 'x'; did you mean y or z? Known: a, b, c" (the list is cut at 30).
std::string unknown_name(std::string_view what, std::string_view name,
                         const std::vector<std::string>& known);

}  // namespace vlsweep
