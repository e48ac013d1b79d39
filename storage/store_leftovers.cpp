// What processes that died have left: Store::remove_leftovers, where they prepared a stage;
// Store::remove_stale_states, where somebody else ended it.
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

Result<std::vector<fs::path>> list(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> names;
  for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator();
       at.increment(error))
    names.push_back(at->path());
  if (error) return std::unexpected(system_error("list", folder, error.value()));
  return names;
}

}  // namespace

Result<std::uint64_t> Store::remove_stale_states() const {
  std::error_code error;
  std::uint64_t removed = 0;
  if (!fs::exists(folder_ / "resume", error)) return removed;
  VLSWEEP_TRY(const std::vector<fs::path> names, list(folder_ / "resume"));
  for (const fs::path& path : names) {
    const auto key = key_from_hex(path.filename().string());
    if (!key || !fs::exists(stage_folder(*key), error)) continue;
    VLSWEEP_CHECK_OK(discard_state(*key));
    ++removed;
  }
  return removed;
}

Result<std::uint64_t> Store::remove_leftovers() const {
  std::error_code error;
  std::uint64_t removed = 0;
  VLSWEEP_TRY(const std::vector<fs::path> names, list(folder_ / "tmp"));
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
