// SQLite as RAII values: a connection, a prepared statement, a transaction. sqlite.cpp alone
// includes the library's header. Errors are Result: busy (another process holds the lock), corrupt
// (damaged or not a database), io (disk full, permission), not_found (no such file), invalid (SQL
// that does not compile), internal (a constraint: our own bug). `where` is the database's path.
//
// A connection and its statements belong to one thread at a time, and to the process that opened
// them: never use one across fork().
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace vlsweep::sqlite {

enum class Mode {
  create,     // read and write, made if it is not there
  read_only,  // locks taken as a reader: sees each commit of a writer
  immutable   // no locks at all: a file that is never changed, only replaced
};

// One prepared statement; parameters and columns are numbered from 1 and from 0, as in SQLite.
class Statement {
 public:
  Statement() = default;
  // Binds all parameters in order, from 1. Texts and blobs are copied.
  template <class... T>
  Result<> bind_all(const T&... values) {
    int index = 0;
    Result<> bound;
    (void)((bound = bind(++index, values)).has_value() && ...);
    return bound;
  }
  Result<> bind(int index, std::int64_t value);
  Result<> bind(int index, std::uint32_t value) { return bind(index, std::int64_t{value}); }
  Result<> bind(int index, int value) { return bind(index, std::int64_t{value}); }
  Result<> bind(int index, double value);  // NaN is stored as NULL
  Result<> bind(int index, std::string_view text);
  Result<> bind(int index, const std::string& text) { return bind(index, std::string_view(text)); }
  Result<> bind(int index, const char* text) { return bind(index, std::string_view(text)); }
  Result<> bind(int index, std::nullopt_t);
  Result<> bind_blob(int index, std::string_view bytes);
  template <class T>
  Result<> bind(int index, const std::optional<T>& value) {
    return value ? bind(index, *value) : bind(index, std::nullopt);
  }

  // True: a row is there; false: the statement is done (and reset for the next use).
  Result<bool> step();
  // Runs a statement that gives no rows, with these parameters.
  template <class... T>
  Result<> run(const T&... values) {
    VLSWEEP_CHECK_OK(bind_all(values...));
    return finish();
  }
  Result<> finish();
  void reset();

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;  // also a blob's bytes
  std::optional<double> real_or_null(int column) const;
  std::optional<std::int64_t> integer_or_null(int column) const;
  int num_columns() const;
  std::string column_name(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  static Result<Database> open(const std::filesystem::path& path, Mode mode);
  // One or several statements without parameters; their rows are dropped.
  Result<> execute(const std::string& sql);
  Result<Statement> prepare(std::string_view sql) const;
  // The single value of a query's first row; nullopt if it gives no row or NULL.
  Result<std::optional<std::int64_t>> integer(std::string_view sql) const;
  Result<std::optional<std::string>> text(std::string_view sql) const;
  // PRAGMA quick_check: corrupt, with what it found, if the file is not sound.
  Result<> check() const;
  // Copies the whole database into another, which is replaced (SQLite's backup).
  Result<> copy_to(Database& target) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  std::unique_ptr<sqlite3, Close> db_;
  std::filesystem::path path_;
};

// Rolls back when destroyed without commit().
class Transaction {
 public:
  enum class Kind { read, write };
  static Result<Transaction> begin(Database& db, Kind kind);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction& operator=(Transaction&& other) noexcept {
    std::swap(db_, other.db_);
    return *this;
  }
  ~Transaction();
  Result<> commit();

 private:
  explicit Transaction(Database& db) : db_(&db) {}
  Database* db_;
};

// "SQLite 3.40.1": the library that is linked.
std::string library_version();

}  // namespace vlsweep::sqlite
