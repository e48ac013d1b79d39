// RunReader's stages, ranks, events and live rows: one statement each.
#include <algorithm>
#include <map>

#include "storage/run_reader.h"

namespace vlsweep {
namespace {

StageRow read_stage(const sqlite::Statement& row) {
  StageRow stage;
  stage.stage = static_cast<std::uint32_t>(row.integer(0));
  stage.key = row.text(1);
  stage.kind = row.text(2);
  stage.name = row.text(3);
  stage.suite = row.text(4);
  stage.state = row.text(5);
  stage.num_trials = static_cast<std::uint32_t>(row.integer(6));
  stage.attempts = static_cast<std::uint32_t>(row.integer(7));
  if (!row.is_null(8)) stage.rank = static_cast<std::uint32_t>(row.integer(8));
  stage.started = row.real_or_null(9);
  stage.ended = row.real_or_null(10);
  stage.seconds = row.real_or_null(11);
  stage.cost_s = row.real(12);
  stage.reused = row.integer(13) != 0;
  stage.host = row.text(14);
  stage.device = row.text(15);
  stage.message = row.text(16);
  stage.bytes = static_cast<std::uint64_t>(row.integer(17));
  stage.peak_memory = static_cast<std::uint64_t>(row.integer(18));
  return stage;
}

constexpr const char* kStageColumns =
    "SELECT stage, key, kind, name, suite, state, num_trials, attempts, rank, started, ended, "
    "seconds, cost_s, reused, host, device, message, bytes, peak_memory ";

Result<std::vector<RunEvent>> read_events(sqlite::Statement rows) {
  std::vector<RunEvent> events;
  for (;;) {
    VLSWEEP_TRY(const bool row, rows.step());
    if (!row) return events;
    RunEvent& event = events.emplace_back();
    event.sequence = static_cast<std::uint64_t>(rows.integer(0));
    event.time = rows.real(1);
    event.kind = rows.text(2);
    if (!rows.is_null(3)) event.stage = static_cast<std::uint32_t>(rows.integer(3));
    if (!rows.is_null(4)) event.rank = static_cast<std::uint32_t>(rows.integer(4));
    event.text = rows.text(5);
  }
}

std::int64_t bounded(std::uint64_t count) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(count, INT64_MAX));
}

}  // namespace

Result<StagePage> RunReader::stages(const StageQuery& query) {
  VLSWEEP_TRY(sqlite::Database* const db, database());
  VLSWEEP_TRY(const sqlite::Transaction moment,
              sqlite::Transaction::begin(*db, sqlite::Transaction::Kind::read));
  const std::string from =
      std::string("FROM stages WHERE (?1 = '' OR state = ?1) AND (?2 = '' OR kind = ?2)") +
      (query.trial.empty() ? ""
                           : " AND stage IN (SELECT stage FROM trial_stages JOIN trials "
                             "USING (trial) WHERE id = ?3)");
  StagePage page;
  const auto bind = [&query](sqlite::Statement& statement) -> Result<> {
    VLSWEEP_CHECK_OK(statement.bind_all(query.state, query.kind));
    if (query.trial.empty()) return {};
    return statement.bind(3, query.trial);
  };
  VLSWEEP_TRY(sqlite::Statement count, db->prepare("SELECT count(*) " + from));
  VLSWEEP_CHECK_OK(bind(count));
  VLSWEEP_TRY(const bool counted, count.step());
  page.total = counted ? static_cast<std::uint64_t>(count.integer(0)) : 0;
  count.reset();
  VLSWEEP_TRY(sqlite::Statement rows,
              db->prepare(kStageColumns + from + " ORDER BY stage LIMIT " +
                          std::to_string(bounded(query.limit)) + " OFFSET " +
                          std::to_string(bounded(query.offset))));
  VLSWEEP_CHECK_OK(bind(rows));
  for (;;) {
    VLSWEEP_TRY(const bool row, rows.step());
    if (!row) return page;
    page.rows.push_back(read_stage(rows));
  }
}

Result<std::vector<RankRow>> RunReader::ranks() {
  VLSWEEP_TRY(sqlite::Database* const db, database());
  VLSWEEP_TRY(const sqlite::Transaction moment,
              sqlite::Transaction::begin(*db, sqlite::Transaction::Kind::read));
  std::map<std::int64_t, std::vector<std::uint32_t>> running;
  VLSWEEP_TRY(sqlite::Statement stages,
              db->prepare("SELECT rank, stage FROM stages WHERE state = 'running'"));
  for (;;) {
    VLSWEEP_TRY(const bool row, stages.step());
    if (!row) break;
    running[stages.integer(0)].push_back(static_cast<std::uint32_t>(stages.integer(1)));
  }
  VLSWEEP_TRY(sqlite::Statement rows,
              db->prepare("SELECT rank, host, pid, device, versions, joined, lost, reason "
                          "FROM ranks ORDER BY rank"));
  std::vector<RankRow> ranks;
  for (;;) {
    VLSWEEP_TRY(const bool row, rows.step());
    if (!row) return ranks;
    ranks.push_back({static_cast<std::uint32_t>(rows.integer(0)), rows.text(1), rows.integer(2),
                     rows.text(3), rows.text(4), rows.real(5), rows.real_or_null(6), rows.text(7),
                     running[rows.integer(0)]});
  }
}

Result<std::vector<RunEvent>> RunReader::events(std::uint64_t after, std::uint64_t limit) {
  VLSWEEP_TRY(sqlite::Database* const db, database());
  VLSWEEP_TRY(sqlite::Statement rows,
              db->prepare("SELECT sequence, time, kind, stage, rank, text FROM events "
                          "WHERE sequence > ? ORDER BY sequence LIMIT ?"));
  VLSWEEP_CHECK_OK(rows.bind_all(bounded(after), bounded(limit)));
  return read_events(std::move(rows));
}

Result<std::vector<RunEvent>> RunReader::last_events(std::uint64_t limit) {
  VLSWEEP_TRY(sqlite::Database* const db, database());
  VLSWEEP_TRY(
      sqlite::Statement rows,
      db->prepare("SELECT * FROM (SELECT sequence, time, kind, stage, rank, text FROM events "
                  "ORDER BY sequence DESC LIMIT ?) ORDER BY sequence"));
  VLSWEEP_CHECK_OK(rows.bind_all(bounded(limit)));
  return read_events(std::move(rows));
}

Result<std::vector<LiveRow>> RunReader::live() {
  VLSWEEP_TRY(sqlite::Database* const db, database());
  VLSWEEP_TRY(sqlite::Statement rows,
              db->prepare("SELECT stage, name, attempt, step, steps, loss, updated FROM live "
                          "JOIN stages USING (stage) ORDER BY stage"));
  std::vector<LiveRow> live;
  for (;;) {
    VLSWEEP_TRY(const bool row, rows.step());
    if (!row) return live;
    live.push_back({static_cast<std::uint32_t>(rows.integer(0)), rows.text(1),
                    static_cast<std::uint32_t>(rows.integer(2)), rows.integer(3), rows.integer(4),
                    rows.real_or_null(5), rows.real(6)});
  }
}

}  // namespace vlsweep
