#include "storage/store.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "orchestrator/base/file.h"
#include "orchestrator/base/log.h"
#include "storage/process_identity.h"
#include "storage/stage_record.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

// Beside a prepared folder: who fills it (see remove_leftovers).
fs::path owner_file(const fs::path& prepared) { return prepared.string() + ".owner"; }

// Not flushed to the disk: that is sync_tree's part, or not needed.
Result<> write_text(const fs::path& path, const std::string& text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file << text << std::flush;
  if (!file) return std::unexpected(system_error("write", path, errno));
  return {};
}

// Flushes every file and folder below `folder`, and itself, deepest first.
Result<> sync_tree(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    if (at->is_directory(error))
      VLSWEEP_CHECK_OK(sync_tree(at->path()));
    else
      VLSWEEP_CHECK_OK(sync_path(at->path()));
  }
  if (error) return std::unexpected(system_error("list", folder, error.value()));
  return sync_path(folder);
}

Result<> remove_tree(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) return std::unexpected(system_error("remove", folder, error.value()));
  return {};
}

// True if the prepared folder now is the stage, false if the place was taken.
Result<bool> rename_into_place(const fs::path& prepared, const fs::path& place) {
  const bool new_parent = !fs::exists(place.parent_path());
  VLSWEEP_CHECK_OK(make_folders(place.parent_path()));
  if (std::rename(prepared.c_str(), place.c_str()) != 0) {
    if (errno == ENOTEMPTY || errno == EEXIST) return false;
    return std::unexpected(system_error("rename to", place, errno));
  }
  VLSWEEP_CHECK_OK(sync_path(place.parent_path()));
  if (new_parent) VLSWEEP_CHECK_OK(sync_path(place.parent_path().parent_path()));
  return true;
}

Result<> move_aside(const fs::path& store, const fs::path& stage) {
  VLSWEEP_CHECK_OK(make_folders(store / "damaged"));
  for (int i = 0; i < 1000; ++i) {
    const fs::path aside =
        store / "damaged" /
        (stage.filename().string() + "." + std::to_string(::getpid()) + "." + std::to_string(i));
    if (fs::exists(aside)) continue;
    // Another process may have been faster: then there is nothing left to move.
    if (std::rename(stage.c_str(), aside.c_str()) == 0 || errno == ENOENT) return {};
    return std::unexpected(system_error("move aside", stage, errno));
  }
  return fail(Errc::io, "cannot be moved aside: too many damaged copies", stage.string());
}

}  // namespace

Result<Store> Store::open(const fs::path& folder) {
  VLSWEEP_CHECK_OK(make_folders(folder / "stages"));
  VLSWEEP_CHECK_OK(make_folders(folder / "tmp"));
  return Store(folder);
}

fs::path Store::stage_folder(const Key& key) const {
  const std::string hex = key.hex();
  return folder_ / "stages" / hex.substr(0, 2) / hex;
}

fs::path Store::state_folder(const Key& key) const { return folder_ / "resume" / key.hex(); }

Result<> Store::discard_state(const Key& key) const { return remove_tree(state_folder(key)); }

Result<std::optional<StageResult>> Store::read(const Key& key) const {
  Result<StageResult> result = read_stage_folder(stage_folder(key), key);
  if (result) return std::optional(std::move(*result));
  if (result.error().code == Errc::not_found) return std::optional<StageResult>();
  return std::unexpected(std::move(result).error());
}

Result<std::optional<StageResult>> Store::find(const Key& key) const {
  Result<std::optional<StageResult>> found = read(key);
  if (found || found.error().code != Errc::corrupt) return found;
  log_event(Level::warning, "store_damaged", {{"key", key.hex()}, {"why", found.error().text()}});
  VLSWEEP_CHECK_OK(move_aside(folder_, stage_folder(key)));
  return std::optional<StageResult>();
}

Result<fs::path> Store::prepare(const Key& key, std::uint32_t attempt) const {
  const fs::path prepared =
      folder_ / "tmp" /
      (key.hex() + "." + std::to_string(::getpid()) + "." + std::to_string(attempt));
  VLSWEEP_CHECK_OK(remove_tree(prepared));
  // The owner's name is there before the folder, so that nobody takes the folder for a leftover.
  VLSWEEP_CHECK_OK(make_folders(prepared.parent_path()));
  VLSWEEP_CHECK_OK(write_text(owner_file(prepared), process_identity_text(this_process())));
  VLSWEEP_CHECK_OK(make_folders(prepared));
  return prepared;
}

Result<StageResult> Store::publish(const fs::path& prepared, const Key& key,
                                   const StageResult& result) const {
  StageRecord record{key, result, {}};
  VLSWEEP_TRY(record.files, list_files(prepared));
  record.result.bytes = 0;
  for (const auto& [name, size] : record.files) record.result.bytes += size;
  VLSWEEP_CHECK_OK(write_text(prepared / kStageRecordName, stage_record_to_json(record)));
  VLSWEEP_CHECK_OK(sync_tree(prepared));
  // A place taken by a damaged stage is freed by find(), so the second try meets a free one.
  for (int attempt = 0; attempt < 2; ++attempt) {
    VLSWEEP_TRY(const bool moved, rename_into_place(prepared, stage_folder(key)));
    if (moved) {
      VLSWEEP_CHECK_OK(discard(prepared));
      return std::move(record.result);
    }
    VLSWEEP_TRY(std::optional<StageResult> present, find(key));
    if (!present) continue;
    VLSWEEP_CHECK_OK(discard(prepared));
    return std::move(*present);
  }
  return fail(Errc::io, "cannot be put into the store: its place is taken again and again",
              stage_folder(key).string());
}

Result<> Store::discard(const fs::path& prepared) const {
  VLSWEEP_CHECK_OK(remove_tree(prepared));
  return remove_tree(owner_file(prepared));
}

}  // namespace vlsweep
