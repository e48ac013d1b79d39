#include "worker/data/csv.h"

#include <gtest/gtest.h>

namespace vlsweep {
namespace {

using Cells = std::vector<std::string>;

struct GoodCase {
  const char* name;
  std::string text;
  std::vector<Cells> rows;
};

class CsvReads : public testing::TestWithParam<GoodCase> {};

TEST_P(CsvReads, TheCells) {
  const auto table = parse_csv(GetParam().text, "x.csv");
  ASSERT_TRUE(table) << table.error().text();
  EXPECT_EQ(table->columns, (Cells{"a", "b"}));
  std::vector<Cells> rows;
  for (const CsvRecord& record : table->records) rows.push_back(record.cells);
  EXPECT_EQ(rows, GetParam().rows);
}

INSTANTIATE_TEST_SUITE_P(
    Csv, CsvReads,
    testing::Values(GoodCase{"plain", "a,b\n1,2\n", {{"1", "2"}}},
                    GoodCase{"no_end_of_line", "a,b\n1,2", {{"1", "2"}}},
                    GoodCase{"crlf", "a,b\r\n1,2\r\n", {{"1", "2"}}},
                    GoodCase{"cr", "a,b\r1,2\r", {{"1", "2"}}},
                    GoodCase{"bom",
                             "\xEF\xBB\xBF"
                             "a,b\n1,2\n",
                             {{"1", "2"}}},
                    GoodCase{"columns_in_capitals", " A ,B\n1,2\n", {{"1", "2"}}},
                    GoodCase{
                        "quotes", "a,b\n\"x, y\",\"say \"\"z\"\"\"\n", {{"x, y", "say \"z\""}}},
                    GoodCase{"line_break_in_quotes", "a,b\n\"x\r\ny\",2\n", {{"x\r\ny", "2"}}},
                    GoodCase{"quote_in_the_middle", "a,b\n5\" disk,2\n", {{"5\" disk", "2"}}},
                    GoodCase{"empty_cells", "a,b\n,\n", {{"", ""}}},
                    GoodCase{"empty_quotes", "a,b\n\"\",\"\"\n", {{"", ""}}},
                    GoodCase{"blank_lines", "\na,b\n\n1,2\n\n", {{"1", "2"}}},
                    GoodCase{"short_row", "a,b\n1\n", {{"1"}}},
                    GoodCase{"header_alone", "a,b\n", {}}),
    [](const auto& test) { return test.param.name; });

TEST(Csv, CountsLinesInsideQuotes) {
  const auto table = parse_csv("a,b\n\"1\n2\r\n3\",x\n4,5\n", "x.csv");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->records[0].line, 2U);
  EXPECT_EQ(table->records[1].line, 5U);
}

struct BadCase {
  const char* name;
  std::string text;
  const char* error;
};

class CsvRefuses : public testing::TestWithParam<BadCase> {};

TEST_P(CsvRefuses, WithFileAndLine) {
  const auto table = parse_csv(GetParam().text, "x.csv");
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, Errc::invalid);
  EXPECT_EQ(table.error().text(), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Csv, CsvRefuses,
    testing::Values(
        BadCase{"empty", "", "x.csv: an empty file: a csv begins with its columns"},
        BadCase{"open_quote", "a,b\n1,\"2\n3\n", "x.csv:2: a quote opened here is never closed"},
        BadCase{"text_after_quote", "a,b\n1,2\n\"3\"4,5\n", "x.csv:3: text after a closing quote"},
        BadCase{"nul", std::string("a,b\n1,\0\n", 8), "x.csv:2: a NUL byte: not a UTF-8 csv file"},
        BadCase{"nul_in_quotes", std::string("a,b\n\"\0\",1\n", 10),
                "x.csv:2: a NUL byte: not a UTF-8 csv file"},
        BadCase{"column_twice", "a,A\n", "x.csv:1: column 'a' is there twice"},
        BadCase{"huge_cell", "a,b\n" + std::string(kMaxCsvCell + 1, 'x'),
                "x.csv:2: a cell larger than 1 MiB"},
        BadCase{"huge_quoted_cell", "a,b\n\"" + std::string(kMaxCsvCell + 1, 'x') + "\"",
                "x.csv:2: a cell larger than 1 MiB"},
        BadCase{"too_many_cells", std::string(kMaxCsvColumns + 1, ','),
                "x.csv:1: more cells in a record than 1024"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace vlsweep
