#include "storage/sqlite.h"

#include <sqlite3.h>

#include <cmath>

namespace vlsweep::sqlite {
namespace {

// How long a connection waits for another process's lock before it gives up with `busy`.
constexpr int kBusyTimeoutMs = 5000;

Errc code_of(int status) {
  switch (status & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Errc::busy;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return Errc::corrupt;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Errc::io;
    case SQLITE_NOMEM:
      return Errc::out_of_memory;
    case SQLITE_INTERRUPT:
      return Errc::cancelled;
    case SQLITE_ERROR:
    case SQLITE_TOOBIG:
      return Errc::invalid;
    default:
      return Errc::internal;
  }
}

std::string_view remedy(Errc code) {
  switch (code) {
    case Errc::busy:
      return " (another process holds it; try again when that has finished)";
    case Errc::corrupt:
      return " (remade by: vlsweep rebuild)";
    default:
      return "";
  }
}

std::unexpected<Error> error_of(sqlite3* db, int status) {
  const Errc code = code_of(status);
  const char* where = sqlite3_db_filename(db, nullptr);
  return fail(code, "SQLite: " + std::string(sqlite3_errmsg(db)) + std::string(remedy(code)),
              where != nullptr ? where : "");
}

// The URI of a path: what has a meaning in URIs is written as %XX.
std::string uri_of(const std::filesystem::path& path, Mode mode) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path.string()) {
    if (c == '?' || c == '#' || c == '%') {
      uri += '%';
      uri += kHex[static_cast<unsigned char>(c) >> 4];
      uri += kHex[static_cast<unsigned char>(c) & 15];
    } else {
      uri += c;
    }
  }
  return mode == Mode::immutable ? uri + "?immutable=1" : uri;
}

// A database file may come from anywhere: no functions or triggers in its schema are trusted, and
// what a statement can take is bounded.
void harden(sqlite3* db) {
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 256 << 20);
  sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 100'000);
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  sqlite3_extended_result_codes(db, 1);
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

namespace {
Result<> bound(sqlite3_stmt* statement, int status) {
  if (status != SQLITE_OK) return error_of(sqlite3_db_handle(statement), status);
  return {};
}
}  // namespace

Result<> Statement::bind(int index, std::int64_t value) {
  return bound(statement_.get(), sqlite3_bind_int64(statement_.get(), index, value));
}

Result<> Statement::bind(int index, double value) {
  return bound(statement_.get(), sqlite3_bind_double(statement_.get(), index, value));
}

Result<> Statement::bind(int index, std::string_view text) {
  return bound(statement_.get(), sqlite3_bind_text64(statement_.get(), index, text.data(),
                                                     text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

Result<> Statement::bind(int index, std::nullopt_t) {
  return bound(statement_.get(), sqlite3_bind_null(statement_.get(), index));
}

Result<> Statement::bind_blob(int index, std::string_view bytes) {
  return bound(statement_.get(), sqlite3_bind_blob64(statement_.get(), index, bytes.data(),
                                                     bytes.size(), SQLITE_TRANSIENT));
}

Result<bool> Statement::step() {
  const int status = sqlite3_step(statement_.get());
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return false;
  }
  auto error = error_of(sqlite3_db_handle(statement_.get()), status);
  sqlite3_reset(statement_.get());
  return error;
}

Result<> Statement::finish() {
  for (;;) {
    VLSWEEP_TRY(const bool row, step());
    if (!row) return {};
  }
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const {
  return is_null(column) ? std::nan("") : sqlite3_column_double(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr
             ? std::string()
             : std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

std::optional<double> Statement::real_or_null(int column) const {
  return is_null(column) ? std::nullopt : std::optional(real(column));
}

std::optional<std::int64_t> Statement::integer_or_null(int column) const {
  return is_null(column) ? std::nullopt : std::optional(integer(column));
}

int Statement::num_columns() const { return sqlite3_column_count(statement_.get()); }

std::string Statement::column_name(int column) const {
  const char* name = sqlite3_column_name(statement_.get(), column);
  return name != nullptr ? name : "";
}

Result<Database> Database::open(const std::filesystem::path& path, Mode mode) {
  std::error_code ignored;
  if (mode != Mode::create && !std::filesystem::exists(path, ignored))
    return fail(Errc::not_found, "there is no results database", path.string());
  const int flags =
      SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
      (mode == Mode::create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
  sqlite3* raw = nullptr;
  const int status = sqlite3_open_v2(uri_of(path, mode).c_str(), &raw, flags, nullptr);
  Database db;
  db.db_.reset(raw);
  db.path_ = path;
  if (raw == nullptr) return fail(Errc::out_of_memory, "SQLite finds no memory", path.string());
  if (status != SQLITE_OK)
    return fail(code_of(status), "SQLite: " + std::string(sqlite3_errmsg(raw)), path.string());
  harden(raw);
  return db;
}

Result<> Database::execute(const std::string& sql) {
  const int status = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return error_of(db_.get(), status);
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) const {
  sqlite3_stmt* raw = nullptr;
  const int status = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  Statement statement;
  statement.statement_.reset(raw);
  if (status != SQLITE_OK) return error_of(db_.get(), status);
  if (raw == nullptr) return fail(Errc::invalid, "an SQL statement is empty", path_.string());
  return statement;
}

Result<std::optional<std::int64_t>> Database::integer(std::string_view sql) const {
  VLSWEEP_TRY(Statement statement, prepare(sql));
  VLSWEEP_TRY(const bool row, statement.step());
  return row ? statement.integer_or_null(0) : std::nullopt;
}

Result<std::optional<std::string>> Database::text(std::string_view sql) const {
  VLSWEEP_TRY(Statement statement, prepare(sql));
  VLSWEEP_TRY(const bool row, statement.step());
  if (!row || statement.is_null(0)) return std::optional<std::string>();
  return std::optional(statement.text(0));
}

Result<> Database::check() const {
  VLSWEEP_TRY(const std::optional<std::string> found, text("PRAGMA quick_check(1)"));
  if (found != "ok")
    return fail(Errc::corrupt, "is damaged: " + found.value_or("no answer from quick_check"),
                path_.string());
  return {};
}

Result<> Database::copy_to(Database& target) const {
  sqlite3_backup* backup = sqlite3_backup_init(target.db_.get(), "main", db_.get(), "main");
  if (backup == nullptr) return error_of(target.db_.get(), sqlite3_errcode(target.db_.get()));
  const int copied = sqlite3_backup_step(backup, -1);
  const int status = sqlite3_backup_finish(backup);
  if (copied != SQLITE_DONE) return error_of(target.db_.get(), copied);
  if (status != SQLITE_OK) return error_of(target.db_.get(), status);
  return {};
}

Result<Transaction> Transaction::begin(Database& db, Kind kind) {
  VLSWEEP_CHECK_OK(db.execute(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN"));
  return Transaction(db);
}

Transaction::~Transaction() {
  if (db_ != nullptr) (void)db_->execute("ROLLBACK");
}

Result<> Transaction::commit() {
  VLSWEEP_CHECK_OK(db_->execute("COMMIT"));
  db_ = nullptr;
  return {};
}

std::string library_version() { return std::string("SQLite ") + sqlite3_libversion(); }

}  // namespace vlsweep::sqlite
