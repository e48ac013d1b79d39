#include "storage/sqlite.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/storage/temp_folder.h"

namespace vlsweep {
namespace {

using sqlite::Database;
using sqlite::Mode;
using sqlite::Statement;
using sqlite::Transaction;
using test::TempFolder;

Database make(const std::filesystem::path& path) {
  Database db = Database::open(path, Mode::create).value();
  EXPECT_TRUE(db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b)"));
  return db;
}

TEST(Sqlite, ValuesOfEveryKindComeBack) {
  const TempFolder folder;
  const Database db = make(folder / "x.db");
  Statement insert = db.prepare("INSERT INTO t (b) VALUES (?)").value();
  ASSERT_TRUE(insert.run(std::numeric_limits<std::int64_t>::min()));
  ASSERT_TRUE(insert.run(0.1));
  ASSERT_TRUE(insert.run(std::nan("")));
  ASSERT_TRUE(insert.run(std::string("a\0b", 3)));
  ASSERT_TRUE(insert.run(std::optional<double>()));
  ASSERT_TRUE(insert.bind_blob(1, std::string("\xFF\x00", 2)));
  ASSERT_TRUE(insert.finish());
  Statement rows = db.prepare("SELECT b FROM t ORDER BY a").value();
  ASSERT_TRUE(rows.step().value());
  EXPECT_EQ(rows.integer(0), std::numeric_limits<std::int64_t>::min());
  ASSERT_TRUE(rows.step().value());
  EXPECT_EQ(rows.real(0), 0.1);
  ASSERT_TRUE(rows.step().value());
  EXPECT_TRUE(std::isnan(rows.real(0)));
  ASSERT_TRUE(rows.step().value());
  EXPECT_EQ(rows.text(0), std::string("a\0b", 3));
  ASSERT_TRUE(rows.step().value());
  EXPECT_TRUE(rows.is_null(0));
  ASSERT_TRUE(rows.step().value());
  EXPECT_EQ(rows.text(0), std::string("\xFF\x00", 2));
  EXPECT_FALSE(rows.step().value());
}

TEST(Sqlite, TransactionRollsBackUnlessCommitted) {
  const TempFolder folder;
  Database db = make(folder / "x.db");
  {
    const Transaction dropped = Transaction::begin(db, Transaction::Kind::write).value();
    ASSERT_TRUE(db.execute("INSERT INTO t VALUES (1, 1)"));
  }
  EXPECT_EQ(db.integer("SELECT count(*) FROM t").value(), 0);
  Transaction kept = Transaction::begin(db, Transaction::Kind::write).value();
  ASSERT_TRUE(db.execute("INSERT INTO t VALUES (1, 1)"));
  ASSERT_TRUE(kept.commit());
  EXPECT_EQ(db.integer("SELECT count(*) FROM t").value(), 1);
}

TEST(Sqlite, ErrorsSayWhatACallerCanActOn) {
  const TempFolder folder;
  Database db = make(folder / "x.db");
  EXPECT_EQ(Database::open(folder / "absent.db", Mode::read_only).error().code, Errc::not_found);
  EXPECT_EQ(Database::open(folder / "no/folder.db", Mode::create).error().code, Errc::io);
  EXPECT_EQ(db.prepare("SELEC 1").error().code, Errc::invalid);
  EXPECT_EQ(db.prepare("").error().code, Errc::invalid);
  EXPECT_EQ(db.execute("SELECT * FROM absent").error().code, Errc::invalid);
  ASSERT_TRUE(db.execute("INSERT INTO t VALUES (1, 1)"));
  EXPECT_EQ(db.execute("INSERT INTO t VALUES (1, 1)").error().code, Errc::internal);
  Database reader = Database::open(folder / "x.db", Mode::read_only).value();
  EXPECT_EQ(reader.execute("DELETE FROM t").error().code, Errc::io);
  test::write_text(folder / "text.db", "this is not a database, whatever its name may say");
  const auto damaged = Database::open(folder / "text.db", Mode::read_only)->check();
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Errc::corrupt);
  EXPECT_EQ(damaged.error().where, (folder / "text.db").string());
}

TEST(Sqlite, WriterThatMeetsAnotherIsBusy) {
  const TempFolder folder;
  Database one = make(folder / "x.db");
  Database two = Database::open(folder / "x.db", Mode::create).value();
  ASSERT_TRUE(two.execute("PRAGMA busy_timeout = 20"));
  const Transaction held = Transaction::begin(one, Transaction::Kind::write).value();
  EXPECT_EQ(Transaction::begin(two, Transaction::Kind::write).error().code, Errc::busy);
}

TEST(Sqlite, PathsWithUriCharactersAreTakenAsTheyAre) {
  const TempFolder folder;
  const std::filesystem::path path = folder / "50% of #1? x.db";
  { const Database made = make(path); }
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_EQ(Database::open(path, Mode::immutable)->integer("SELECT count(*) FROM t").value(), 0);
}

}  // namespace
}  // namespace vlsweep
