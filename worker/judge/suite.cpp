#include "worker/judge/suite.h"

#include <algorithm>
#include <array>

namespace vlsweep {

bool is_harmful_suite(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kBenign = {"vlguard-safe-safe", "xstest-safe",
                                                              "helpful", "helpful-text"};
  return std::ranges::find(kBenign, name) == kBenign.end();
}

}  // namespace vlsweep
