// Exit statuses, and errors as the person at the terminal sees them.
#pragma once

#include "orchestrator/base/result.h"

namespace vlsweep {

inline constexpr int kStatusDone = 0;
inline constexpr int kStatusSomeFailed = 1;
inline constexpr int kStatusUsage = 2;
inline constexpr int kStatusInfrastructure = 3;
inline constexpr int kStatusNotFound = 4;

int exit_status_of(Errc code);

// Prints "vlsweep: where: message" to standard error; returns the exit status for it.
int report(const Error& error);

}  // namespace vlsweep
