#include "orchestrator/cli/exit_status.h"

#include <iostream>

namespace vlsweep {

int exit_status_of(Errc code) {
  switch (code) {
    case Errc::invalid:
      return kStatusUsage;
    case Errc::not_found:
      return kStatusNotFound;
    case Errc::diverged:
      return kStatusSomeFailed;
    case Errc::corrupt:
    case Errc::io:
    case Errc::busy:
    case Errc::out_of_memory:
    case Errc::cancelled:
    case Errc::unavailable:
    case Errc::internal:
      return kStatusInfrastructure;
  }
  return kStatusInfrastructure;
}

int report(const Error& error) {
  std::cerr << "vlsweep: " << error.text() << '\n';
  return exit_status_of(error.code);
}

}  // namespace vlsweep
