// RunReader's series and samples: from the live rows, or from the files in the store.
#include <algorithm>

#include "storage/down_sample.h"
#include "storage/run_reader.h"

namespace vlsweep {
namespace {

Result<std::vector<SeriesPoint>> live_series(const sqlite::Database& db, std::uint32_t stage,
                                             std::string_view name) {
  VLSWEEP_TRY(sqlite::Statement rows, db.prepare("SELECT step, value FROM live_points WHERE "
                                                 "stage = ? AND name = ? ORDER BY step"));
  VLSWEEP_CHECK_OK(rows.bind_all(stage, name));
  std::vector<SeriesPoint> points;
  for (;;) {
    VLSWEEP_TRY(const bool row, rows.step());
    if (!row) return points;
    points.push_back({std::string(name), rows.integer(0), rows.real(1)});
  }
}

// The key of the only stage that a statement about (trial, suite) gives.
Result<std::optional<Key>> stage_for(const sqlite::Database& db, const char* kind,
                                     std::uint32_t trial, std::string_view suite) {
  VLSWEEP_TRY(sqlite::Statement rows,
              db.prepare("SELECT key FROM trial_stages JOIN stages USING (stage) "
                         "WHERE trial = ? AND trial_stages.suite = ? AND kind = ? LIMIT 1"));
  VLSWEEP_CHECK_OK(rows.bind_all(trial, suite, kind));
  VLSWEEP_TRY(const bool row, rows.step());
  if (!row) return std::optional<Key>();
  const auto key = key_from_hex(rows.text(0));
  if (!key) return fail(Errc::corrupt, "a stage's key does not read back", db.path().string());
  return key;
}

template <class T>
std::vector<T> slice(std::vector<T> rows, std::uint64_t offset, std::uint64_t limit) {
  const std::uint64_t begin = std::min<std::uint64_t>(offset, rows.size());
  const std::uint64_t end = begin + std::min<std::uint64_t>(limit, rows.size() - begin);
  return {std::make_move_iterator(rows.begin() + static_cast<std::ptrdiff_t>(begin)),
          std::make_move_iterator(rows.begin() + static_cast<std::ptrdiff_t>(end))};
}

}  // namespace

Result<Key> RunReader::key_of_stage(std::uint32_t stage) {
  VLSWEEP_TRY(sqlite::Database* const db, database());
  VLSWEEP_TRY(sqlite::Statement row, db->prepare("SELECT key FROM stages WHERE stage = ?"));
  VLSWEEP_CHECK_OK(row.bind_all(stage));
  VLSWEEP_TRY(const bool known, row.step());
  if (!known)
    return fail(Errc::not_found, "there is no stage " + std::to_string(stage),
                run_folder_.string());
  const auto key = key_from_hex(row.text(0));
  if (!key) return fail(Errc::corrupt, "a stage's key does not read back", db->path().string());
  return *key;
}

Result<std::vector<std::string>> RunReader::series_names(std::uint32_t stage) {
  VLSWEEP_TRY(const Key key, key_of_stage(stage));
  VLSWEEP_TRY(sqlite::Database* const db, database());
  VLSWEEP_TRY(sqlite::Statement rows,
              db->prepare("SELECT DISTINCT name FROM live_points WHERE stage = ? ORDER BY name"));
  VLSWEEP_CHECK_OK(rows.bind_all(stage));
  std::vector<std::string> names;
  for (;;) {
    VLSWEEP_TRY(const bool row, rows.step());
    if (!row) break;
    names.push_back(rows.text(0));
  }
  if (!names.empty()) return names;
  Result<std::vector<std::string>> kept = read_series_names(store_.stage_folder(key) / "series.h5");
  // A stage without a file has no series (yet).
  if (!kept && kept.error().code == Errc::not_found) return names;
  return kept;
}

Result<Series> RunReader::series(std::uint32_t stage, std::string_view name,
                                 std::size_t max_points) {
  VLSWEEP_TRY(const Key key, key_of_stage(stage));
  VLSWEEP_TRY(sqlite::Database* const db, database());
  Series series;
  VLSWEEP_TRY(series.points, live_series(*db, stage, name));
  series.live = !series.points.empty();
  if (!series.live) {
    VLSWEEP_TRY(series.points, read_series(store_.stage_folder(key) / "series.h5", name));
  }
  series.total = series.points.size();
  series.points = down_sample(std::move(series.points), max_points);
  return series;
}

Result<SamplePage> RunReader::samples(std::string_view trial_id, std::string_view suite,
                                      std::uint64_t offset, std::uint64_t limit) {
  VLSWEEP_TRY(const std::uint32_t trial, find_trial(trial_id));
  VLSWEEP_TRY(sqlite::Database* const db, database());
  VLSWEEP_TRY(const auto respond, stage_for(*db, "respond", trial, suite));
  if (!respond)
    return fail(Errc::not_found,
                "trial " + std::string(trial_id) + " is not evaluated on '" +
                    std::string(suite.substr(0, 200)) + "'",
                run_folder_.string());
  Result<std::vector<SampleRow>> rows = read_samples(store_.stage_folder(*respond) / "series.h5");
  if (!rows && rows.error().code == Errc::not_found)
    return fail(
        Errc::not_found,
        "trial " + std::string(trial_id) + " has not answered '" + std::string(suite) + "' yet",
        run_folder_.string());
  if (!rows) return std::unexpected(std::move(rows).error());
  SamplePage page;
  page.total = rows->size();
  page.samples = slice(std::move(*rows), offset, limit);
  VLSWEEP_TRY(const auto judge, stage_for(*db, "judge", trial, suite));
  if (!judge) return page;
  Result<std::vector<VerdictRow>> verdicts =
      read_verdicts(store_.stage_folder(*judge) / "series.h5");
  if (!verdicts && verdicts.error().code == Errc::not_found) return page;
  if (!verdicts) return std::unexpected(std::move(verdicts).error());
  if (verdicts->size() != page.total)
    return fail(Errc::corrupt,
                "has " + std::to_string(verdicts->size()) + " verdicts on " +
                    std::to_string(page.total) + " responses",
                (store_.stage_folder(*judge) / "series.h5").string());
  page.verdicts = slice(std::move(*verdicts), offset, limit);
  return page;
}

}  // namespace vlsweep
