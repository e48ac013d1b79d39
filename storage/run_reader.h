// A read-only view of a run for the command line and the page: counts, trials, stages, ranks,
// events, series and samples, from results.db and the store. It never writes, never makes the
// coordinator wait, and goes on through a database that is replaced under it (a snapshot by rename,
// a rebuild).
//
// A RunReader belongs to one thread at a time; open one for each thread. Opening takes well under a
// millisecond.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/base/result.h"
#include "orchestrator/protocol/stage.h"
#include "storage/series_file.h"
#include "storage/sqlite.h"
#include "storage/store.h"

namespace vlsweep {

struct StateCounts {
  std::uint64_t waiting = 0, running = 0, done = 0, failed = 0;
  std::uint64_t all() const { return waiting + running + done + failed; }
};

// One coordinator's turn at the run.
struct RunSession {
  double opened = 0;
  std::optional<double> closed;
  std::string
      outcome;  // "done", "failed", "stopped", "interrupted"; empty: at work, or just killed
  std::string host;
  std::int64_t pid = 0;
  std::string version, git_commit, libraries;
};

struct RunSummary {
  std::string name;
  std::string state;  // "waiting" (no coordinator yet), "running", or the last session's outcome
  StateCounts trials, stages;
  std::uint64_t stages_without_sharing = 0;  // what the trials run apart would need
  std::uint64_t stages_reused = 0;  // found in the store, from other runs or earlier sessions
  double seconds_spent = 0;         // by stages that ran here
  double seconds_shared = 0;        // saved, as trials of this sweep share stages
  double seconds_reused = 0;        // saved, as the store already held stages
  double seconds_left = 0;          // estimate for the stages not done: a sum, not divided by ranks
  std::optional<double> opened, closed;  // first session's begin, last session's end
  std::uint64_t ranks_present = 0, ranks_lost = 0;
  std::uint64_t last_event = 0;  // sequence
  std::vector<RunSession> sessions;
};

struct MetricValue {
  std::string name;  // "vlguard-unsafe.asr", "tune.loss"
  double value = 0;
  std::int64_t k = 0, n = 0;  // a rate is k of n; a plain number has n = 0
};

struct TrialRow {
  std::uint32_t trial = 0;  // index in the plan
  std::string id;
  std::uint32_t cell = 0;
  std::int64_t seed = 0;
  std::string state;
  std::vector<std::pair<std::string, std::string>> parameters;  // name -> JSON text
  std::vector<MetricValue> metrics;
  std::uint32_t stages_done = 0, num_stages = 0;
  std::optional<double> started, ended;
  std::string message;  // why it failed
};
struct TrialQuery {
  std::string where;  // an expression over parameters, metrics, seed, state, trial; empty: all
  std::vector<std::string> sort;  // names, with a leading "-" for descending; then the plan's order
  std::uint64_t offset = 0;
  std::uint64_t limit = 500;
};
struct TrialPage {
  std::uint64_t total = 0;  // that `where` leaves
  std::vector<TrialRow> rows;
};

struct StageRow {
  std::uint32_t stage = 0;  // index in the plan
  std::string key, kind, name, suite, state;
  std::uint32_t num_trials = 0, attempts = 0;
  std::optional<std::uint32_t> rank;
  std::optional<double> started, ended, seconds;
  double cost_s = 0;
  bool reused = false;
  std::string host, device, message;
  std::uint64_t bytes = 0, peak_memory = 0;
};
struct StageQuery {
  std::string state, kind;  // empty: any
  std::string trial;        // id: only the stages of its path
  std::uint64_t offset = 0;
  std::uint64_t limit = 500;
};
struct StagePage {
  std::uint64_t total = 0;
  std::vector<StageRow> rows;  // in the plan's order
};

struct RankRow {
  std::uint32_t rank = 0;
  std::string host;
  std::int64_t pid = 0;
  std::string device, versions;
  double joined = 0;
  std::optional<double> lost;
  std::string reason;
  std::vector<std::uint32_t> running;  // stages
};
struct RunEvent {
  std::uint64_t sequence = 0;
  double time = 0;
  std::string kind;
  std::optional<std::uint32_t> stage, rank;
  std::string text;
};
struct LiveRow {
  std::uint32_t stage = 0;
  std::string name;
  std::uint32_t attempt = 0;
  std::int64_t step = 0, steps = 0;
  std::optional<double> loss;
  double updated = 0;
};
struct Series {
  std::vector<SeriesPoint> points;  // ascending steps
  std::uint64_t total = 0;          // before down-sampling
  bool live = false;                // of a stage that runs
};
struct SamplePage {
  std::uint64_t total = 0;
  std::vector<SampleRow> samples;
  std::vector<VerdictRow> verdicts;  // as many as samples, or none: not judged yet
};

class RunReader {
 public:
  // `store` defaults to RUN_FOLDER/../.store. not_found: there is no results.db there (yet).
  static Result<RunReader> open(const std::filesystem::path& run_folder,
                                const std::filesystem::path& store = {});

  Result<RunSummary> summary();
  // invalid: an unknown name in `where` or `sort`, with the nearest known ones.
  Result<TrialPage> trials(const TrialQuery& query);
  Result<StagePage> stages(const StageQuery& query);
  Result<std::vector<RankRow>> ranks();
  // With sequences above `after`, oldest first.
  Result<std::vector<RunEvent>> events(std::uint64_t after, std::uint64_t limit = 500);
  // The newest `limit` events, oldest first.
  Result<std::vector<RunEvent>> last_events(std::uint64_t limit);
  Result<std::vector<LiveRow>> live();

  // The names of a stage's series: from the live points while it runs, else from its series.h5.
  Result<std::vector<std::string>> series_names(std::uint32_t stage);
  // One of them, down-sampled to at most max_points: of each stretch of steps the least and the
  // greatest value stay. not_found: no such stage or series (yet).
  Result<Series> series(std::uint32_t stage, std::string_view name, std::size_t max_points = 2000);

  // Prompts, responses and verdicts of a trial on a suite. not_found: unknown, or not answered yet.
  Result<SamplePage> samples(std::string_view trial_id, std::string_view suite,
                             std::uint64_t offset = 0, std::uint64_t limit = 100);

  // A trial's or stage's index from its id or key, or from the beginning of one (at least 4
  // characters). not_found, or invalid: several begin like that.
  Result<std::uint32_t> find_trial(std::string_view id);
  Result<std::uint32_t> find_stage(std::string_view key);

  // The database, opened anew if its file was replaced; for the query engine and `vlsweep sql`.
  Result<sqlite::Database*> database();
  const std::filesystem::path& run_folder() const { return run_folder_; }
  const Store& store() const { return store_; }

 private:
  struct FileIdentity {
    std::uint64_t device = 0, inode = 0;
    bool operator==(const FileIdentity&) const = default;
  };
  RunReader(std::filesystem::path run_folder, Store store)
      : run_folder_(std::move(run_folder)), store_(std::move(store)) {}
  static Result<FileIdentity> identity_of(const std::filesystem::path& path);
  Result<> reopen();
  Result<Key> key_of_stage(std::uint32_t stage);
  Result<std::uint32_t> find_by_prefix(std::string_view what, const char* sql,
                                       std::string_view prefix);

  std::filesystem::path run_folder_;
  Store store_;
  std::optional<sqlite::Database> db_;
  FileIdentity identity_;
};

}  // namespace vlsweep
