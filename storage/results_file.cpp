#include "storage/results_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "orchestrator/base/file.h"
#include "orchestrator/base/log.h"
#include "storage/file_system.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

// A folder that nobody but this user can have put anything into.
Result<> make_private_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return std::unexpected(system_error("create the folder", folder, errno));
  struct stat info {};
  if (::lstat(folder.c_str(), &info) != 0)
    return std::unexpected(system_error("stat", folder, errno));
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 022) != 0)
    return fail(Errc::io, "belongs to another user or may be written by one", folder.string());
  return {};
}

Result<fs::path> node_local_folder(const fs::path& run_folder) {
  std::error_code error;
  const fs::path absolute = fs::weakly_canonical(run_folder, error);
  if (error) return std::unexpected(system_error("resolve", run_folder, error.value()));
  const fs::path temporary = fs::temp_directory_path(error);
  if (error) return std::unexpected(system_error("find", "$TMPDIR", error.value()));
  return temporary / ("vlsweep-" + std::to_string(::geteuid()) + "-" +
                      sha256_hex(absolute.string()).substr(0, 16));
}

}  // namespace

Result<ResultsFile> place_results(const fs::path& run_folder, const ProjectionOptions& options) {
  ResultsFile file{run_folder, run_folder / kResultsName, options.network.value_or(false)};
  if (!options.network) {
    VLSWEEP_TRY(const FileSystem system, file_system_of(run_folder));
    file.snapshots = system.network;
    if (system.network)
      log_event(Level::info, "results_on_network_file_system", {{"type", system.name}});
  }
  if (!file.snapshots) return file;
  fs::path folder = options.local_folder;
  if (folder.empty()) {
    VLSWEEP_TRY(folder, node_local_folder(run_folder));
  }
  VLSWEEP_CHECK_OK(make_private_folder(folder));
  file.database = folder / kResultsName;
  return file;
}

Result<sqlite::Database> open_for_writing(const fs::path& path) {
  VLSWEEP_TRY(sqlite::Database db, sqlite::Database::open(path, sqlite::Mode::create));
  VLSWEEP_CHECK_OK(db.check());
  // NORMAL: a commit may be lost with the power, never the database; the journal has it all.
  VLSWEEP_CHECK_OK(db.execute(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=4000;"
      "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864"));
  return db;
}

Result<> move_database_aside(const fs::path& path) {
  int number = 1;
  while (fs::exists(path.string() + ".damaged." + std::to_string(number))) ++number;
  for (const char* part : {"-wal", "-shm", ""}) {
    const fs::path from = path.string() + part;
    const fs::path to = path.string() + ".damaged." + std::to_string(number) + part;
    if (std::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT)
      return std::unexpected(system_error("move aside", from, errno));
  }
  return sync_path(path.parent_path());
}

Result<> drop_everything(sqlite::Database& db) {
  std::vector<std::pair<std::string, std::string>> objects;
  {
    VLSWEEP_TRY(sqlite::Statement names,
                db.prepare("SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') "
                           "AND name NOT LIKE 'sqlite_%' ORDER BY type DESC"));
    for (;;) {
      VLSWEEP_TRY(const bool row, names.step());
      if (!row) break;
      objects.emplace_back(names.text(0), names.text(1));
    }
  }
  for (const auto& [type, name] : objects) {
    std::string quoted;
    for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    VLSWEEP_CHECK_OK(db.execute("DROP " + type + " \"" + quoted + "\""));
  }
  return {};
}

Result<> publish_copy(const sqlite::Database& db, const fs::path& target) {
  const fs::path beside = target.string() + ".tmp." + std::to_string(::getpid());
  std::error_code ignored;
  fs::remove(beside, ignored);
  {
    VLSWEEP_TRY(sqlite::Database copy, sqlite::Database::open(beside, sqlite::Mode::create));
    VLSWEEP_CHECK_OK(db.copy_to(copy));
    // The copy is read without locks, so it must not ask for a WAL.
    VLSWEEP_CHECK_OK(copy.execute("PRAGMA journal_mode=DELETE"));
  }
  VLSWEEP_CHECK_OK(sync_path(beside));
  if (std::rename(beside.c_str(), target.c_str()) != 0)
    return std::unexpected(system_error("rename to", target, errno));
  return sync_path(target.parent_path());
}

}  // namespace vlsweep
