#include "orchestrator/cli/version.h"

namespace vlsweep {

std::string version() { return VLSWEEP_VERSION; }

std::string build_commit() { return VLSWEEP_COMMIT; }

std::string version_text() {
  const std::string commit = build_commit();
  return "vlsweep " + version() + (commit.empty() ? "" : " (" + commit + ")");
}

}  // namespace vlsweep
