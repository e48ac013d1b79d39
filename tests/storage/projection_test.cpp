#include "storage/projection.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <sstream>
#include <thread>

#include "storage/file_system.h"
#include "storage/sqlite.h"
#include "tests/storage/sample_run.h"
#include "tests/storage/temp_folder.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;
using std::chrono_literals::operator""s;
using test::sample_plan;
using test::stage_named;
using test::start_child;
using test::TempFolder;
using test::wait_for;
using test::whole_run;

sqlite::Database reader(const fs::path& path) {
  return sqlite::Database::open(path, sqlite::Mode::read_only).value();
}

std::int64_t number(const sqlite::Database& db, const std::string& sql) {
  const auto value = db.integer(sql);
  EXPECT_TRUE(value) << (value ? "" : value.error().text());
  return value && *value ? **value : -1;
}

std::string text(const sqlite::Database& db, const std::string& sql) {
  const auto value = db.text(sql);
  EXPECT_TRUE(value) << (value ? "" : value.error().text());
  return value && *value ? **value : "NULL";
}

// Every table as text, to compare two databases; live rows are left out.
std::string dump(const fs::path& path) {
  const sqlite::Database db = reader(path);
  std::string all;
  for (const char* table : {"sweeps", "runs", "trials", "parameters", "stages", "stage_parents",
                            "trial_stages", "attempts", "metrics", "verdicts", "ranks", "events"}) {
    auto rows = db.prepare("SELECT * FROM " + std::string(table) + " ORDER BY 1, 2").value();
    all += std::string(table) + "\n";
    while (rows.step().value()) {
      for (int c = 0; c < rows.num_columns(); ++c) all += rows.text(c) + "|";
      all += "\n";
    }
  }
  return all;
}

// The first line that differs between two databases' dumps, or nothing.
std::string first_difference(const fs::path& one, const fs::path& other) {
  std::istringstream a(dump(one));
  std::istringstream b(dump(other));
  std::string line_a;
  std::string line_b;
  for (;;) {
    const bool more_a = static_cast<bool>(std::getline(a, line_a));
    const bool more_b = static_cast<bool>(std::getline(b, line_b));
    if (!more_a && !more_b) return "";
    if (more_a != more_b || line_a != line_b) return line_a + " <> " + line_b;
  }
}

TEST(Projection, WholeRunFillsEveryTable) {
  const TempFolder folder;
  const Plan plan = sample_plan();
  Projection projection = Projection::open(folder.path(), plan).value();
  EXPECT_EQ(projection.applied(), 0U);
  const std::vector<Event> events = whole_run(plan);
  ASSERT_TRUE(projection.apply(1, events));
  EXPECT_EQ(projection.applied(), events.size());
  const sqlite::Database db = reader(folder / "results.db");
  EXPECT_EQ(number(db, "SELECT count(*) FROM trials WHERE state = 'done'"), 24);
  EXPECT_EQ(number(db, "SELECT count(*) FROM stages WHERE state = 'done'"),
            static_cast<std::int64_t>(plan.stages.size()));
  EXPECT_EQ(number(db, "SELECT count(*) FROM events"), static_cast<std::int64_t>(events.size()));
  EXPECT_EQ(text(db, "SELECT outcome FROM runs"), "done");
  EXPECT_EQ(text(db, "SELECT git_commit FROM runs"), "abcdef0");
  EXPECT_EQ(number(db, "SELECT count(*) FROM ranks WHERE lost IS NOT NULL"), 2);
  EXPECT_EQ(number(db, "SELECT reused FROM stages WHERE name = 'pretrain seed 1'"), 1);
  EXPECT_EQ(number(db, "SELECT num_trials FROM stages WHERE name = 'pretrain seed 1'"), 8);
  EXPECT_EQ(number(db, "SELECT attempts FROM stages WHERE name = 'tune mixed full 0.01 seed 0'"),
            2);
  EXPECT_EQ(text(db,
                 "SELECT group_concat(outcome) FROM attempts JOIN stages USING (stage) WHERE "
                 "name = 'tune mixed full 0.01 seed 0'"),
            "failed,done");
  EXPECT_EQ(number(db,
                   "SELECT k FROM trial_metrics WHERE metric = 'vlguard-unsafe.asr' AND seed = 2 "
                   "AND cell = 0"),
            9);
  EXPECT_EQ(number(db, "SELECT length(refused) FROM verdicts LIMIT 1"), 13);
  EXPECT_EQ(number(db, "PRAGMA user_version"), kResultsSchemaVersion);
}

TEST(Projection, EventsInAnyCutGiveTheSameTables) {
  const Plan plan = sample_plan();
  const std::vector<Event> events = whole_run(plan);
  const TempFolder at_once;
  ASSERT_TRUE(Projection::open(at_once.path(), plan)->apply(1, events));
  for (const std::size_t size : {1U, 2U, 7U, 100U}) {
    const TempFolder cut;
    Projection projection = Projection::open(cut.path(), plan).value();
    for (std::size_t at = 0; at < events.size(); at += size)
      ASSERT_TRUE(projection.apply(
          at + 1, std::span(events).subspan(at, std::min(size, events.size() - at))));
    EXPECT_EQ(first_difference(cut / "results.db", at_once / "results.db"), "") << size;
  }
}

TEST(Projection, RestartAppliesOnlyWhatIsMissing) {
  const TempFolder folder;
  const Plan plan = sample_plan();
  const std::vector<Event> events = whole_run(plan);
  ASSERT_TRUE(Projection::open(folder.path(), plan)->apply(1, std::span(events).first(50)));
  Projection again = Projection::open(folder.path(), plan).value();
  EXPECT_EQ(again.applied(), 50U);
  ASSERT_TRUE(again.apply(1, events));
  ASSERT_TRUE(again.apply(1, events));
  EXPECT_EQ(again.applied(), events.size());
  const TempFolder whole;
  ASSERT_TRUE(Projection::open(whole.path(), plan)->apply(1, events));
  EXPECT_EQ(first_difference(folder / "results.db", whole / "results.db"), "");
}

TEST(Projection, GapInTheEventsIsRefused) {
  const TempFolder folder;
  const Plan plan = sample_plan();
  Projection projection = Projection::open(folder.path(), plan).value();
  const auto applied = projection.apply(3, whole_run(plan));
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, Errc::internal);
  EXPECT_EQ(projection.applied(), 0U);
}

// What a rank that is lost, or a run that is taken up again, leaves of the stages that ran there.
TEST(Projection, InterruptedStagesWaitAgain) {
  const TempFolder folder;
  const Plan plan = sample_plan();
  Projection projection = Projection::open(folder.path(), plan).value();
  const std::vector<Event> events = {test::sample_opened(),
                                     test::sample_rank(1),
                                     test::sample_rank(2),
                                     test::started(plan, 0, 1, 1002, 1),
                                     test::started(plan, 5, 1, 1002, 2),
                                     RankLost{1003, 2, "no heartbeat for 10 s"}};
  ASSERT_TRUE(projection.apply(1, events));
  const sqlite::Database db = reader(folder / "results.db");
  EXPECT_EQ(text(db, "SELECT state FROM stages WHERE stage = 0"), "running");
  EXPECT_EQ(text(db, "SELECT state FROM stages WHERE stage = 5"), "waiting");
  EXPECT_EQ(text(db, "SELECT outcome FROM attempts WHERE stage = 5"), "lost");
  EXPECT_EQ(text(db, "SELECT reason FROM ranks WHERE rank = 2"), "no heartbeat for 10 s");
  EXPECT_EQ(text(db, "SELECT state FROM trials WHERE trial = 0"), "running");

  Projection again = Projection::open(folder.path(), plan).value();
  const std::vector<Event> more = {test::sample_opened(1010)};
  ASSERT_TRUE(again.apply(7, more));
  EXPECT_EQ(number(db, "SELECT count(*) FROM stages WHERE state = 'running'"), 0);
  EXPECT_EQ(text(db, "SELECT state FROM trials WHERE trial = 0"), "waiting");
  EXPECT_EQ(text(db, "SELECT group_concat(coalesce(outcome, 'open')) FROM runs"),
            "interrupted,open");
}

TEST(Projection, FailureForGoodFailsTheTrial) {
  const TempFolder folder;
  const Plan plan = sample_plan();
  ASSERT_TRUE(Projection::open(folder.path(), plan)->apply(1, test::unfinished_run(plan)));
  const sqlite::Database db = reader(folder / "results.db");
  EXPECT_EQ(number(db, "SELECT count(*) FROM trials WHERE state = 'failed'"), 1);
  EXPECT_EQ(number(db, "SELECT count(*) FROM trials WHERE state = 'running'"), 1);
  EXPECT_EQ(number(db, "SELECT count(*) FROM trials WHERE state = 'waiting'"), 1);
  EXPECT_EQ(text(db, "SELECT message FROM stages WHERE state = 'failed'"),
            "loss is not finite at step 12");
}

TEST(Projection, EventsOfAnEarlierPlanAreKeptAsText) {
  const TempFolder folder;
  const Plan plan = sample_plan();
  Projection projection = Projection::open(folder.path(), plan).value();
  const std::vector<Event> events = {StageDone{1, test::key_of("gone"), 1, 1, {}}};
  ASSERT_TRUE(projection.apply(1, events));
  const sqlite::Database db = reader(folder / "results.db");
  EXPECT_EQ(number(db, "SELECT count(*) FROM events WHERE stage IS NULL"), 1);
}

TEST(Projection, AnotherPlanStartsEmpty) {
  const TempFolder folder;
  Plan plan = sample_plan();
  ASSERT_TRUE(Projection::open(folder.path(), plan)->apply(1, whole_run(plan)));
  plan.trials.pop_back();
  EXPECT_EQ(Projection::open(folder.path(), plan)->applied(), 0U);
  EXPECT_EQ(number(reader(folder / "results.db"), "SELECT count(*) FROM trials"), 23);
}

TEST(Projection, LiveRowsFollowAStageUntilItEnds) {
  const TempFolder folder;
  const Plan plan = sample_plan();
  Projection projection = Projection::open(folder.path(), plan).value();
  const std::vector<Event> start = {test::sample_opened(), test::started(plan, 0, 1, 1002)};
  ASSERT_TRUE(projection.apply(1, start));
  const std::vector<LiveProgress> news = {
      {0, 1, 2, 10, 1003, {{"loss", 1, 3.0}, {"loss", 2, 2.0}, {"lr", 2, 0.1}}},
      {0, 1, 3, 10, 1004, {{"lr", 3, 0.1}}}};
  ASSERT_TRUE(projection.live(news));
  const sqlite::Database db = reader(folder / "results.db");
  EXPECT_EQ(number(db, "SELECT step FROM live WHERE stage = 0 AND loss = 2.0"), 3);
  EXPECT_EQ(number(db, "SELECT count(*) FROM live_points"), 4);
  // A new attempt begins its curve anew.
  const std::vector<LiveProgress> retry = {{0, 2, 1, 10, 1005, {{"loss", 1, 3.5}}}};
  ASSERT_TRUE(projection.live(retry));
  EXPECT_EQ(number(db, "SELECT count(*) FROM live_points"), 1);
  const std::vector<Event> end = {test::done(plan, 0, 2, 1006)};
  ASSERT_TRUE(projection.apply(3, end));
  ASSERT_TRUE(projection.live(retry));
  EXPECT_EQ(number(db, "SELECT count(*) FROM live"), 0);
  EXPECT_EQ(number(db, "SELECT count(*) FROM live_points"), 0);
}

TEST(Projection, DamagedDatabaseIsMovedAsideAndMadeAgain) {
  const Plan plan = sample_plan();
  const std::vector<Event> events = whole_run(plan);
  const std::vector<std::pair<std::string, std::function<void(const fs::path&)>>> damages = {
      {"text", [](const fs::path& p) { test::write_text(p, "not a database, but long enough"); }},
      {"cut", [](const fs::path& p) { fs::resize_file(p, fs::file_size(p) / 2); }},
      {"a page overwritten",
       [](const fs::path& p) {
         std::string bytes = test::read_text(p);
         std::fill_n(bytes.begin() + 8192, 4096, 'x');
         test::write_text(p, bytes);
       }},
      {"the header overwritten",
       [](const fs::path& p) {
         std::string bytes = test::read_text(p);
         std::fill_n(bytes.begin(), 100, '\xFF');
         test::write_text(p, bytes);
       }},
      {"a table gone",
       [](const fs::path& p) {
         auto db = sqlite::Database::open(p, sqlite::Mode::create).value();
         ASSERT_TRUE(db.execute("DROP TABLE metrics"));
       }},
  };
  const TempFolder whole;
  ASSERT_TRUE(Projection::open(whole.path(), plan)->apply(1, events));
  for (const auto& [what, damage] : damages) {
    SCOPED_TRACE(what);
    const TempFolder folder;
    ASSERT_TRUE(Projection::open(folder.path(), plan)->apply(1, events));
    damage(folder / "results.db");
    auto projection = Projection::open(folder.path(), plan);
    ASSERT_TRUE(projection) << projection.error().text();
    EXPECT_EQ(projection->applied(), 0U);
    EXPECT_TRUE(fs::exists(folder / "results.db.damaged.1"));
    ASSERT_TRUE(projection->apply(1, events));
    EXPECT_EQ(first_difference(folder / "results.db", whole / "results.db"), "");
  }
}

TEST(Projection, RebuildMakesTheSameDatabase) {
  const Plan plan = sample_plan();
  const std::vector<Event> events = whole_run(plan);
  const TempFolder folder;
  ASSERT_TRUE(Projection::open(folder.path(), plan)->apply(1, events));
  const std::string before = dump(folder / "results.db");
  ASSERT_TRUE(sqlite::Database::open(folder / "results.db", sqlite::Mode::create)
                  ->execute("UPDATE metrics SET value = 0"));
  ASSERT_TRUE(rebuild_results(folder.path(), plan, events));
  EXPECT_EQ(dump(folder / "results.db") == before, true);
}

// The writer is killed at random instants; what is left opens, and going on gives the same tables.
TEST(Projection, KilledWriterLosesNothingThatTheEventsDoNotBringBack) {
  const Plan plan = sample_plan();
  const std::vector<Event> events = whole_run(plan);
  const TempFolder whole;
  ASSERT_TRUE(Projection::open(whole.path(), plan)->apply(1, events));
  for (int round = 0; round < 15; ++round) {
    const TempFolder folder;
    const pid_t child = start_child([&] {
      auto projection = Projection::open(folder.path(), plan);
      for (std::size_t i = 0; i < events.size(); ++i)
        if (!projection->apply(i + 1, std::span(events).subspan(i, 1))) return 1;
      for (;;) std::this_thread::sleep_for(1s);
      return 0;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(2 + 2 * round));
    ::kill(child, SIGKILL);
    EXPECT_EQ(wait_for(child), 128 + SIGKILL);
    auto projection = Projection::open(folder.path(), plan);
    ASSERT_TRUE(projection) << projection.error().text();
    EXPECT_FALSE(fs::exists(folder / "results.db.damaged.1"));
    ASSERT_TRUE(projection->apply(1, events));
    EXPECT_EQ(first_difference(folder / "results.db", whole / "results.db"), "");
  }
}

TEST(Projection, ReaderInATransactionDoesNotHoldUpTheWriter) {
  const TempFolder folder;
  const Plan plan = sample_plan();
  const std::vector<Event> events = whole_run(plan);
  Projection projection = Projection::open(folder.path(), plan).value();
  ASSERT_TRUE(projection.apply(1, std::span(events).first(3)));
  sqlite::Database db = reader(folder / "results.db");
  auto transaction = sqlite::Transaction::begin(db, sqlite::Transaction::Kind::read).value();
  EXPECT_EQ(number(db, "SELECT count(*) FROM events"), 3);
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 3; i < events.size(); ++i)
    ASSERT_TRUE(projection.apply(i + 1, std::span(events).subspan(i, 1)));
  // Waiting for the reader's lock would take SQLite's busy time-out of 5 s at the first commit.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);
  EXPECT_EQ(number(db, "SELECT count(*) FROM events"), 3) << "the reader sees its own moment";
  ASSERT_TRUE(transaction.commit());
  EXPECT_EQ(number(db, "SELECT count(*) FROM events"), static_cast<std::int64_t>(events.size()));
}

// RLIMIT_FSIZE stands in for a full disk.
TEST(Projection, FullDiskIsAnErrorAfterWhichWorkGoesOn) {
  const TempFolder folder;
  const Plan plan = sample_plan();
  const std::vector<Event> events = whole_run(plan);
  const pid_t child = start_child([&] {
    auto projection = Projection::open(folder.path(), plan);
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlim_t was = limit.rlim_cur;
    limit.rlim_cur = 40000;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto refused = projection->apply(1, events);
    if (refused) return 1;
    if (refused.error().code != Errc::io) return 2;
    if (projection->applied() != 0) return 3;
    limit.rlim_cur = was;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return projection->apply(1, events) ? 0 : 4;
  });
  EXPECT_EQ(wait_for(child), 0);
  const TempFolder whole;
  ASSERT_TRUE(Projection::open(whole.path(), plan)->apply(1, events));
  EXPECT_EQ(first_difference(folder / "results.db", whole / "results.db"), "");
}

TEST(Projection, NetworkFileSystemGetsSnapshotsByRename) {
  const TempFolder folder;
  const Plan plan = sample_plan();
  const std::vector<Event> events = whole_run(plan);
  fs::create_directory(folder / "run");
  const ProjectionOptions options{true, folder / "node", false};
  Projection projection = Projection::open(folder / "run", plan, options).value();
  ASSERT_TRUE(projection.apply(1, std::span(events).first(10)));
  EXPECT_FALSE(fs::exists(folder / "run/results.db"));
  ASSERT_TRUE(projection.publish_snapshot());
  const auto old =
      sqlite::Database::open(folder / "run/results.db", sqlite::Mode::immutable).value();
  EXPECT_EQ(number(old, "SELECT applied FROM sweeps"), 10);
  ASSERT_TRUE(projection.apply(1, events));
  ASSERT_TRUE(projection.publish_snapshot());
  EXPECT_EQ(number(old, "SELECT applied FROM sweeps"), 10) << "a reader keeps the file it opened";
  const auto fresh =
      sqlite::Database::open(folder / "run/results.db", sqlite::Mode::immutable).value();
  EXPECT_EQ(number(fresh, "SELECT applied FROM sweeps"), static_cast<std::int64_t>(events.size()));
  // Nothing but the one file: no WAL, no leftovers.
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "run"), {}), 1);
}

TEST(FileSystem, SharedOnesAreKnownByTheirNumbers) {
  EXPECT_TRUE(file_system_of_type(0x6969).network);      // NFS
  EXPECT_TRUE(file_system_of_type(0x0BD00BD0).network);  // Lustre
  EXPECT_TRUE(file_system_of_type(0x47504653).network);  // GPFS
  EXPECT_TRUE(file_system_of_type(0xFFFFFFFFFE534D42UL).network) << "sign-extended SMB2";
  EXPECT_FALSE(file_system_of_type(0xEF53).network);      // ext4
  EXPECT_FALSE(file_system_of_type(0x01021994).network);  // tmpfs
  EXPECT_FALSE(file_system_of_type(0x58465342).network);  // XFS
  EXPECT_FALSE(file_system_of("/").value().name.empty());
  EXPECT_EQ(file_system_of("/no/such/folder").error().code, Errc::not_found);
}

TEST(Projection, FollowsNoopStages) {
  const TempFolder folder;
  constexpr std::uint32_t kStages = 100'000;
  const Plan plan = test::noop_plan(kStages);
  std::vector<Event> events;
  for (std::uint32_t i = 0; i < kStages; ++i) {
    events.push_back(test::started(plan, i, 1, i));
    events.push_back(StageDone{double(i), plan.stages[i].key, 1, 1, {}});
  }
  auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    begin = std::chrono::steady_clock::now();
    return seconds.count();
  };
  Projection projection = Projection::open(folder.path(), plan).value();
  const double open_s = passed();
  constexpr std::size_t kBatch = 2000;
  for (std::size_t at = 0; at < events.size(); at += kBatch)
    ASSERT_TRUE(projection.apply(at + 1, std::span(events).subspan(at, kBatch)));
  const double apply_s = passed();
  std::cerr << "[ MEASURED ] opening a plan of " << kStages << " stages " << open_s
            << " s, applying " << kStages / apply_s << " stages/s\n";
  EXPECT_EQ(number(reader(folder / "results.db"), "SELECT count(*) FROM attempts"), kStages);
  EXPECT_EQ(text(reader(folder / "results.db"), "SELECT state FROM trials"), "done");
}

}  // namespace
}  // namespace vlsweep
