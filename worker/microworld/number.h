// Numbers in the names of files and items.
//
// A free function: safe from any thread.
#pragma once

#include <cstddef>
#include <string>

namespace vlsweep {

// "00042": at least five digits, so that names sort as numbers do.
inline std::string padded(std::size_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < 5) digits.insert(0, 5 - digits.size(), '0');
  return digits;
}

}  // namespace vlsweep
