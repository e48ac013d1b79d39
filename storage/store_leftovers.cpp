// Store::remove_leftovers: what processes that died while they prepared a stage have left.
#include <algorithm>
#include <chrono>
#include <vector>

#include "orchestrator/base/file.h"
#include "storage/process_identity.h"
#include "storage/store.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

constexpr auto kForeignPatience = std::chrono::hours(24 * 7);

// The latest change anywhere below `folder`, itself included.
fs::file_time_type last_change(const fs::path& folder) {
  std::error_code error;
  fs::file_time_type latest = fs::last_write_time(folder, error);
  for (fs::recursive_directory_iterator at(folder, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    std::error_code gone;
    const fs::file_time_type time = at->last_write_time(gone);
    if (!gone) latest = std::max(latest, time);
  }
  return latest;
}

bool is_leftover(const fs::path& prepared) {
  const auto text = read_file(prepared.string() + ".owner", 4096);
  const Life life = text ? life_of(process_identity_from_text(*text)) : Life::elsewhere;
  if (life != Life::elsewhere) return life == Life::dead;
  return fs::file_time_type::clock::now() - last_change(prepared) > kForeignPatience;
}

}  // namespace

Result<std::uint64_t> Store::remove_leftovers() const {
  std::error_code error;
  std::uint64_t removed = 0;
  std::vector<fs::path> names;
  for (fs::directory_iterator at(folder_ / "tmp", error); !error && at != fs::directory_iterator();
       at.increment(error))
    names.push_back(at->path());
  if (error) return std::unexpected(system_error("list", folder_ / "tmp", error.value()));
  for (const fs::path& path : names) {
    const bool is_owner = path.extension() == ".owner";
    const fs::path prepared = is_owner ? fs::path(path).replace_extension() : path;
    // An owner file goes with its folder; alone it remains if the owner died before making it.
    if (!fs::exists(path, error) || (is_owner && fs::exists(prepared, error))) continue;
    if (!is_leftover(prepared)) continue;
    VLSWEEP_CHECK_OK(discard(prepared));
    ++removed;
  }
  return removed;
}

}  // namespace vlsweep
