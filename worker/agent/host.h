// What a rank tells of the machine it runs on.
//
// Plain functions: safe from any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace vlsweep {

std::string host_name();
// The cores this process may run on, at least 1.
std::uint32_t available_cores();
// Resident memory of a process in bytes; 0 if there is no such process.
std::uint64_t resident_bytes(pid_t pid);

}  // namespace vlsweep
