#include "storage/run_reader.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <fstream>

#include "orchestrator/base/file.h"
#include "storage/results_file.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

// Snapshots (see Projection::publish_snapshot) are written without a WAL and only ever replaced, so
// they are read without locks; a database with a WAL is read as a reader beside its writer.
sqlite::Mode mode_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 20> header{};
  file.read(header.data(), header.size());
  const bool wal = file && header[18] == 2;  // the file format's write version
  return wal ? sqlite::Mode::read_only : sqlite::Mode::immutable;
}

Result<sqlite::Database> open_database(const fs::path& path) {
  VLSWEEP_TRY(sqlite::Database db, sqlite::Database::open(path, mode_of(path)));
  Result<std::optional<std::int64_t>> version = db.integer("PRAGMA user_version");
  // A folder that may not be written cannot hold the WAL's index. Without a WAL nobody writes.
  std::error_code ignored;
  const bool has_wal = fs::exists(path.string() + "-wal", ignored);
  if (!version && version.error().code == Errc::io && !has_wal) {
    VLSWEEP_TRY(db, sqlite::Database::open(path, sqlite::Mode::immutable));
    version = db.integer("PRAGMA user_version");
  }
  if (!version) return std::unexpected(std::move(version).error());
  if (*version != kResultsSchemaVersion)
    return fail(Errc::corrupt,
                "is of schema version " + std::to_string(version->value_or(0)) +
                    ", this vlsweep reads " + std::to_string(kResultsSchemaVersion) +
                    " (remake it with: vlsweep rebuild)",
                path.string());
  return db;
}

RunSession read_session(const sqlite::Statement& row) {
  RunSession session;
  session.opened = row.real(0);
  session.closed = row.real_or_null(1);
  session.outcome = row.text(2);
  session.host = row.text(3);
  session.pid = row.integer(4);
  session.version = row.text(5);
  session.git_commit = row.text(6);
  session.libraries = row.text(7);
  return session;
}

Result<std::vector<RunSession>> read_sessions(const sqlite::Database& db) {
  VLSWEEP_TRY(
      sqlite::Statement rows,
      db.prepare("SELECT opened, closed, outcome, host, pid, version, git_commit, libraries "
                 "FROM runs ORDER BY session"));
  std::vector<RunSession> sessions;
  for (;;) {
    VLSWEEP_TRY(const bool row, rows.step());
    if (!row) return sessions;
    sessions.push_back(read_session(rows));
  }
}

Result<> count_states(const sqlite::Database& db, const char* sql, StateCounts& counts) {
  VLSWEEP_TRY(sqlite::Statement rows, db.prepare(sql));
  for (;;) {
    VLSWEEP_TRY(const bool row, rows.step());
    if (!row) return {};
    const std::string state = rows.text(0);
    const auto count = static_cast<std::uint64_t>(rows.integer(1));
    if (state == "waiting") counts.waiting = count;
    if (state == "running") counts.running = count;
    if (state == "done") counts.done = count;
    if (state == "failed") counts.failed = count;
  }
}

Result<> read_times(const sqlite::Database& db, RunSummary& summary) {
  VLSWEEP_TRY(sqlite::Statement row,
              db.prepare("SELECT coalesce(sum(seconds * (state = 'done' AND NOT reused)), 0), "
                         "coalesce(sum(seconds * (state = 'done') * max(num_trials - 1, 0)), 0), "
                         "coalesce(sum(seconds * (state = 'done' AND reused)), 0), "
                         "coalesce(sum(cost_s * (state IN ('waiting', 'running'))), 0), "
                         "coalesce(sum(state = 'done' AND reused), 0) FROM stages"));
  VLSWEEP_TRY(const bool has_row, row.step());
  if (!has_row) return {};
  summary.seconds_spent = row.real(0);
  summary.seconds_shared = row.real(1);
  summary.seconds_reused = row.real(2);
  summary.seconds_left = row.real(3);
  summary.stages_reused = static_cast<std::uint64_t>(row.integer(4));
  return {};
}

}  // namespace

Result<RunReader::FileIdentity> RunReader::identity_of(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return fail(
        errno == ENOENT || errno == ENOTDIR ? Errc::not_found : Errc::io,
        "there is no results database: nothing has run here yet, or it is not a run's folder",
        path.string());
  return FileIdentity{info.st_dev, info.st_ino};
}

Result<RunReader> RunReader::open(const fs::path& run_folder, const fs::path& store) {
  RunReader reader(run_folder, Store::at(store.empty() ? run_folder / ".." / ".store" : store));
  VLSWEEP_CHECK_OK(reader.reopen());
  return reader;
}

Result<> RunReader::reopen() {
  const fs::path path = run_folder_ / kResultsName;
  db_.reset();
  VLSWEEP_TRY(identity_, identity_of(path));
  VLSWEEP_TRY(db_, open_database(path));
  return {};
}

Result<sqlite::Database*> RunReader::database() {
  VLSWEEP_TRY(const FileIdentity now, identity_of(run_folder_ / kResultsName));
  if (!db_ || now != identity_) VLSWEEP_CHECK_OK(reopen());
  return &*db_;
}

Result<RunSummary> RunReader::summary() {
  VLSWEEP_TRY(sqlite::Database* const db, database());
  VLSWEEP_TRY(const sqlite::Transaction moment,
              sqlite::Transaction::begin(*db, sqlite::Transaction::Kind::read));
  RunSummary summary;
  VLSWEEP_TRY(sqlite::Statement sweep,
              db->prepare("SELECT name, stages_without_sharing, applied FROM sweeps"));
  VLSWEEP_TRY(const bool has_sweep, sweep.step());
  if (!has_sweep) return fail(Errc::corrupt, "holds no sweep", db->path().string());
  summary.name = sweep.text(0);
  summary.stages_without_sharing = static_cast<std::uint64_t>(sweep.integer(1));
  summary.last_event = static_cast<std::uint64_t>(sweep.integer(2));
  sweep.reset();
  VLSWEEP_CHECK_OK(
      count_states(*db, "SELECT state, count(*) FROM trials GROUP BY state", summary.trials));
  VLSWEEP_CHECK_OK(
      count_states(*db, "SELECT state, count(*) FROM stages GROUP BY state", summary.stages));
  VLSWEEP_CHECK_OK(read_times(*db, summary));
  VLSWEEP_TRY(summary.sessions, read_sessions(*db));
  VLSWEEP_TRY(const auto present, db->integer("SELECT count(*) FROM ranks WHERE lost IS NULL"));
  VLSWEEP_TRY(const auto lost, db->integer("SELECT count(*) FROM ranks WHERE lost IS NOT NULL"));
  summary.ranks_present = static_cast<std::uint64_t>(present.value_or(0));
  summary.ranks_lost = static_cast<std::uint64_t>(lost.value_or(0));
  summary.state = "waiting";
  if (!summary.sessions.empty()) {
    const RunSession& last = summary.sessions.back();
    summary.state = last.outcome.empty() ? "running" : last.outcome;
    summary.opened = summary.sessions.front().opened;
    summary.closed = last.closed;
  }
  return summary;
}

Result<std::uint32_t> RunReader::find_by_prefix(std::string_view what, const char* sql,
                                                std::string_view prefix) {
  VLSWEEP_TRY(sqlite::Database* const db, database());
  const bool plausible =
      prefix.size() >= 4 && prefix.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  const auto missing = [&] {
    return fail(Errc::not_found,
                "there is no " + std::string(what) + " '" + std::string(prefix.substr(0, 80)) + "'",
                run_folder_.string());
  };
  if (!plausible) return missing();
  VLSWEEP_TRY(sqlite::Statement rows, db->prepare(sql));
  VLSWEEP_CHECK_OK(rows.bind_all(prefix, std::string(prefix) + "g"));
  VLSWEEP_TRY(const bool first, rows.step());
  if (!first) return missing();
  const auto index = static_cast<std::uint32_t>(rows.integer(0));
  VLSWEEP_TRY(const bool second, rows.step());
  if (second)
    return fail(Errc::invalid,
                "several of them begin with '" + std::string(prefix) +
                    "': give more characters of the " + std::string(what),
                run_folder_.string());
  return index;
}

// 'g' sorts just after the hexadecimal digits, so that the range is all that begin with the prefix.
Result<std::uint32_t> RunReader::find_trial(std::string_view id) {
  return find_by_prefix("trial", "SELECT trial FROM trials WHERE id >= ? AND id < ? LIMIT 2", id);
}

Result<std::uint32_t> RunReader::find_stage(std::string_view key) {
  return find_by_prefix("stage", "SELECT stage FROM stages WHERE key >= ? AND key < ? LIMIT 2",
                        key);
}

}  // namespace vlsweep
