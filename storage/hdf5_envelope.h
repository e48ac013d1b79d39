// The 512 bytes (HDF5's user block) before the HDF5 data of our files: length and CRC-32C of what
// follows. HDF5 tools skip them; our readers check them before the library parses a single byte.
//
// Free functions, safe from any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "orchestrator/base/result.h"

namespace vlsweep::hdf5 {

inline constexpr std::size_t kEnvelopeBytes = 512;

// The bytes to put before `image`.
std::string envelope_of(std::string_view image);

// The image inside `file_bytes`, or corrupt: not one of our files, truncated, or damaged.
Result<std::string_view> open_envelope(std::string_view file_bytes,
                                       const std::filesystem::path& path);

}  // namespace vlsweep::hdf5
