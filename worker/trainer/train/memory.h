// How much memory the trainer's process has. Free functions; safe from any thread.
#pragma once

#include <cstdint>

namespace vlsweep {

// Bytes resident now (VmRSS); 0 where /proc does not say.
std::uint64_t resident_bytes();
// Most bytes resident since the last reset (VmHWM).
std::uint64_t peak_resident_bytes();
void reset_peak_resident_bytes();

}  // namespace vlsweep
