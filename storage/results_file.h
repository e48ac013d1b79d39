// Where a run's results.db lies, opening it for writing, and getting rid of what cannot be used.
//
// Free functions; the database belongs to the caller's thread.
#pragma once

#include <filesystem>

#include "storage/projection.h"
#include "storage/sqlite.h"

namespace vlsweep {

inline constexpr const char* kResultsName = "results.db";

struct ResultsFile {
  std::filesystem::path run_folder;
  std::filesystem::path database;  // the one that is written
  bool snapshots = false;          // `database` is elsewhere, the run folder gets copies
};

// Decides by the file system; makes the node-local folder (this user's alone) if there is to be
// one.
Result<ResultsFile> place_results(const std::filesystem::path& run_folder,
                                  const ProjectionOptions& options);

// Opens and checks the database for writing, with WAL. corrupt: it is damaged.
Result<sqlite::Database> open_for_writing(const std::filesystem::path& path);

// Renames a damaged database and its -wal and -shm to PATH.damaged.N*.
Result<> move_database_aside(const std::filesystem::path& path);

// Removes every table and view.
Result<> drop_everything(sqlite::Database& db);

// Copies the database over `target` by way of a file beside it and a rename.
Result<> publish_copy(const sqlite::Database& db, const std::filesystem::path& target);

}  // namespace vlsweep
