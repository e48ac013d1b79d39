#include "storage/projection.h"

#include <utility>

#include "orchestrator/base/log.h"
#include "storage/event_writer.h"
#include "storage/plan_rows.h"
#include "storage/results_file.h"
#include "storage/results_sql.h"
#include "storage/sqlite.h"

namespace vlsweep {
namespace {

// True if the database is of this schema and this plan.
Result<bool> holds_plan(const sqlite::Database& db, const std::string& digest) {
  VLSWEEP_TRY(const auto version, db.integer("PRAGMA user_version"));
  if (version != kResultsSchemaVersion) return false;
  VLSWEEP_TRY(const auto present, db.text("SELECT plan_digest FROM sweeps"));
  return present == digest;
}

Result<> start_anew(sqlite::Database& db, const Plan& plan, const std::string& digest) {
  VLSWEEP_TRY(sqlite::Transaction transaction,
              sqlite::Transaction::begin(db, sqlite::Transaction::Kind::write));
  VLSWEEP_CHECK_OK(drop_everything(db));
  VLSWEEP_CHECK_OK(db.execute(kResultsSchema));
  VLSWEEP_CHECK_OK(db.execute("PRAGMA user_version = " + std::to_string(kResultsSchemaVersion)));
  VLSWEEP_CHECK_OK(write_plan_rows(db, plan, digest));
  return transaction.commit();
}

Result<sqlite::Database> open_for_plan(const std::filesystem::path& path, const Plan& plan,
                                       bool start_empty) {
  VLSWEEP_TRY(sqlite::Database db, open_for_writing(path));
  const std::string digest = plan_rows_digest(plan);
  VLSWEEP_TRY(const bool usable, holds_plan(db, digest));
  if (!usable || start_empty) VLSWEEP_CHECK_OK(start_anew(db, plan, digest));
  return db;
}

// A database that has the right version but lacks tables is damaged too; SQLite calls that an error
// in the SQL (invalid).
bool is_damage(Errc code) { return code == Errc::corrupt || code == Errc::invalid; }

}  // namespace

class Projection::Impl {
 public:
  Impl(ResultsFile file, const Plan& plan, sqlite::Database db, EventWriter writer,
       std::uint64_t applied)
      : file_(std::move(file)),
        plan_(plan),
        db_(std::move(db)),
        writer_(std::move(writer)),
        applied_(applied) {}

  static Result<std::unique_ptr<Impl>> open(const ResultsFile& file, const Plan& plan,
                                            bool start_empty) {
    VLSWEEP_TRY(sqlite::Database db, open_for_plan(file.database, plan, start_empty));
    VLSWEEP_TRY(EventWriter writer, EventWriter::create(db, plan));
    VLSWEEP_TRY(const auto applied, db.integer("SELECT applied FROM sweeps"));
    if (!applied || *applied < 0) return fail(Errc::corrupt, "is damaged", file.database.string());
    auto impl = std::make_unique<Impl>(file, plan, std::move(db), std::move(writer),
                                       static_cast<std::uint64_t>(*applied));
    VLSWEEP_CHECK_OK(impl->prepare());
    return impl;
  }

  std::uint64_t applied() const { return applied_; }

  Result<> apply(std::uint64_t first, std::span<const Event> events) {
    if (first > applied_ + 1)
      return fail(Errc::internal, "events " + std::to_string(applied_ + 1) + " to " +
                                      std::to_string(first - 1) + " were not given");
    const std::uint64_t known = applied_ + 1 - first;
    if (known >= events.size()) return {};
    Result<> written = write_events(applied_ + 1, events.subspan(known));
    if (written)
      applied_ += events.size() - known;
    else
      VLSWEEP_CHECK_OK(forget_unwritten());
    return written;
  }

  Result<> live(std::span<const LiveProgress> progress) {
    VLSWEEP_TRY(sqlite::Transaction transaction, begin());
    for (const LiveProgress& news : progress) VLSWEEP_CHECK_OK(write_live(news));
    return transaction.commit();
  }

  Result<> publish_snapshot() {
    if (!file_.snapshots) return {};
    return publish_copy(db_, file_.run_folder / kResultsName);
  }

 private:
  Result<> prepare() {
    VLSWEEP_TRY(set_applied_, db_.prepare("UPDATE sweeps SET applied = ?"));
    VLSWEEP_TRY(live_attempt_, db_.prepare("SELECT attempt FROM live WHERE stage = ?"));
    VLSWEEP_TRY(live_points_gone_, db_.prepare("DELETE FROM live_points WHERE stage = ?"));
    VLSWEEP_TRY(live_row_,
                db_.prepare("INSERT INTO live (stage, attempt, step, steps, loss, updated) "
                            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (stage) DO UPDATE SET "
                            "attempt = excluded.attempt, step = excluded.step, "
                            "steps = excluded.steps, loss = coalesce(excluded.loss, loss), "
                            "updated = excluded.updated"));
    VLSWEEP_TRY(live_point_, db_.prepare("INSERT OR REPLACE INTO live_points "
                                         "(stage, name, step, value) VALUES (?, ?, ?, ?)"));
    return {};
  }

  Result<sqlite::Transaction> begin() {
    return sqlite::Transaction::begin(db_, sqlite::Transaction::Kind::write);
  }

  Result<> write_events(std::uint64_t first, std::span<const Event> events) {
    VLSWEEP_TRY(sqlite::Transaction transaction, begin());
    std::uint64_t sequence = first;
    for (const Event& event : events) VLSWEEP_CHECK_OK(writer_.add(sequence++, event));
    VLSWEEP_CHECK_OK(writer_.flush());
    VLSWEEP_CHECK_OK(set_applied_.run(static_cast<std::int64_t>(sequence - 1)));
    return transaction.commit();
  }

  // After a failed transaction: what is in memory is read again from what is in the database.
  Result<> forget_unwritten() {
    VLSWEEP_TRY(EventWriter writer, EventWriter::create(db_, plan_));
    writer_ = std::move(writer);
    return {};
  }

  Result<> write_live(const LiveProgress& news) {
    if (news.stage >= writer_.num_stages()) return {};
    const StageState state = writer_.state(news.stage);
    if (state == StageState::done || state == StageState::failed) return {};
    VLSWEEP_CHECK_OK(live_attempt_.bind_all(news.stage));
    VLSWEEP_TRY(const bool known, live_attempt_.step());
    const bool another = known && live_attempt_.integer(0) != news.attempt;
    live_attempt_.reset();
    if (another) VLSWEEP_CHECK_OK(live_points_gone_.run(news.stage));
    std::optional<double> loss;
    for (const SeriesPoint& point : news.points) {
      VLSWEEP_CHECK_OK(live_point_.run(news.stage, point.name, point.step, point.value));
      if (point.name == "loss") loss = point.value;
    }
    writer_.mark_live(news.stage);
    return live_row_.run(news.stage, news.attempt, news.step, news.steps, loss, news.time);
  }

  ResultsFile file_;
  Plan plan_;
  sqlite::Database db_;
  EventWriter writer_;
  std::uint64_t applied_;
  sqlite::Statement set_applied_, live_attempt_, live_points_gone_, live_row_, live_point_;
};

Projection::Projection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Projection::Projection(Projection&&) noexcept = default;
Projection& Projection::operator=(Projection&&) noexcept = default;
Projection::~Projection() = default;

Result<Projection> Projection::open(const std::filesystem::path& run_folder, const Plan& plan,
                                    const ProjectionOptions& options) {
  VLSWEEP_TRY(const ResultsFile file, place_results(run_folder, options));
  Result<std::unique_ptr<Impl>> impl = Impl::open(file, plan, options.start_empty);
  if (!impl && is_damage(impl.error().code)) {
    log_event(Level::warning, "results_damaged", {{"why", impl.error().text()}});
    VLSWEEP_CHECK_OK(move_database_aside(file.database));
    impl = Impl::open(file, plan, options.start_empty);
  }
  if (!impl) return std::unexpected(std::move(impl).error());
  return Projection(std::move(*impl));
}

std::uint64_t Projection::applied() const { return impl_->applied(); }

Result<> Projection::apply(std::uint64_t first, std::span<const Event> events) {
  return impl_->apply(first, events);
}

Result<> Projection::live(std::span<const LiveProgress> progress) { return impl_->live(progress); }

Result<> Projection::publish_snapshot() { return impl_->publish_snapshot(); }

Result<> rebuild_results(const std::filesystem::path& run_folder, const Plan& plan,
                         std::span<const Event> events, const ProjectionOptions& options) {
  ProjectionOptions anew = options;
  anew.start_empty = true;
  VLSWEEP_TRY(Projection projection, Projection::open(run_folder, plan, anew));
  VLSWEEP_CHECK_OK(projection.apply(1, events));
  return projection.publish_snapshot();
}

}  // namespace vlsweep
