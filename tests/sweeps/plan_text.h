// A plan, or the complaints in its stead, as the text of a golden file.
#pragma once

#include <string>
#include <string_view>

namespace vlsweep {

// `file` is the sweep's name in complaints.
std::string plan_text(std::string_view yaml, const std::string& file);

}  // namespace vlsweep
