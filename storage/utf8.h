// UTF-8 as HDF5, JSON and readers expect it.
//
// Free function, safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace vlsweep {

// `text` with each byte that is not part of valid UTF-8, and each NUL, replaced by U+FFFD.
std::string mend_utf8(std::string_view text);

}  // namespace vlsweep
