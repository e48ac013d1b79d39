#include "orchestrator/cli/trainer_program.h"

#include <unistd.h>

#include <cstdlib>
#include <system_error>

#include "orchestrator/base/file.h"

namespace vlsweep {

namespace fs = std::filesystem;

Result<fs::path> this_program() {
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/self/exe", error);
  if (error) return std::unexpected(system_error("read", "/proc/self/exe", error.value()));
  return path;
}

Result<fs::path> find_trainer() {
  VLSWEEP_TRY(const fs::path self, this_program());
  const char* given = std::getenv("VLSWEEP_TRAINER");
  const fs::path path = given != nullptr ? fs::path(given) : self.parent_path() / "vlsweep-trainer";
  if (::access(path.c_str(), X_OK) != 0)
    return fail(Errc::unavailable,
                "there is no trainer program here; build it, or name it in $VLSWEEP_TRAINER",
                path.string());
  return path;
}

}  // namespace vlsweep
