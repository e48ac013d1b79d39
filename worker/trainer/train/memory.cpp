#include "worker/trainer/train/memory.h"

#include <fstream>
#include <string>
#include <string_view>

namespace vlsweep {
namespace {

std::uint64_t status_bytes(std::string_view name) {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::uint64_t kilobytes = 0;
  while (status >> word)
    if (word == name && status >> kilobytes) return kilobytes * 1024;
  return 0;
}

}  // namespace

std::uint64_t resident_bytes() { return status_bytes("VmRSS:"); }
std::uint64_t peak_resident_bytes() { return status_bytes("VmHWM:"); }

void reset_peak_resident_bytes() {
  // 5 resets the high-water mark (proc(5)); where that is refused the peak is the process's own.
  std::ofstream("/proc/self/clear_refs") << 5;
}

}  // namespace vlsweep
