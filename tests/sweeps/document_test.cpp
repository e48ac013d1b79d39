// YAML from anybody: typed by our rules, every node with its place, every bound kept.
#include "sweeps/document.h"

#include <gtest/gtest.h>

#include <chrono>

namespace vlsweep {
namespace {

std::string complaint(const std::string& yaml) {
  Complaints complaints("x.yaml");
  read_document(yaml, complaints);
  const std::vector<Error> errors = complaints.take();
  return errors.empty() ? "" : errors.front().text();
}

Node read(const std::string& yaml) {
  Complaints complaints("x.yaml");
  Node node = read_document(yaml, complaints);
  EXPECT_TRUE(complaints.empty()) << yaml.substr(0, 200);
  return node;
}

TEST(Document, TypesPlainScalarsByItsOwnRules) {
  using Kind = Node::Kind;
  const struct {
    const char* text;
    Kind kind;
    double number;
  } cases[] = {
      {"1e-5", Kind::number, 1e-5},  {"1.0e-5", Kind::number, 1e-5}, {"+3", Kind::number, 3},
      {"-0.5", Kind::number, -0.5},  {".5", Kind::number, 0.5},      {"1.", Kind::number, 1},
      {"2E3", Kind::number, 2000},   {"0", Kind::number, 0},         {"007", Kind::text, 0},
      {"1_000", Kind::text, 0},      {"0x10", Kind::text, 0},        {"1e999", Kind::text, 0},
      {".inf", Kind::text, 0},       {".nan", Kind::text, 0},        {"08:00:00", Kind::text, 0},
      {"2026-11-22", Kind::text, 0}, {"off", Kind::text, 0},         {"no", Kind::text, 0},
      {"yes", Kind::text, 0},        {"True", Kind::text, 0},        {"true", Kind::boolean, 0},
      {"false", Kind::boolean, 0},   {"null", Kind::null, 0},        {"~", Kind::null, 0},
      {"'1e-5'", Kind::text, 0},     {"\"true\"", Kind::text, 0},    {"''", Kind::text, 0},
      {"1e", Kind::text, 0},         {"-", Kind::list, 0},           {"e5", Kind::text, 0},
  };
  for (const auto& c : cases) {
    const Node node = read(c.text);
    EXPECT_EQ(node.kind, c.kind) << c.text;
    EXPECT_EQ(node.kind == Kind::number ? node.number : 0, c.number) << c.text;
  }
}

TEST(Document, KeepsThePlaceOfEveryKeyAndValue) {
  const Node node = read("a: 1\nb:\n  - x\n  - {c: [2, 3]}\n");
  EXPECT_EQ(node.members[0].at, (Position{1, 1}));
  EXPECT_EQ(node.members[0].value.at, (Position{1, 4}));
  EXPECT_EQ(node.members[1].value.items[0].at, (Position{3, 5}));
  const Node::Member& c = node.members[1].value.items[1].members[0];
  EXPECT_EQ(c.at, (Position{4, 6}));
  EXPECT_EQ(c.value.items[1].at, (Position{4, 13}));
}

TEST(Document, AnAliasStandsForItsValueAtItsOwnPlace) {
  const Node node = read("a: &x [1, 2]\nb: *x\n");
  EXPECT_EQ(node.members[1].value.items.size(), 2u);
  EXPECT_EQ(node.members[1].value.at, (Position{2, 4}));
}

TEST(Document, RefusesWithThePlace) {
  EXPECT_EQ(complaint("a: 1\na: 2\n"), "x.yaml:2:1: the key \"a\" stands here twice; remove one");
  EXPECT_EQ(complaint(""),
            "x.yaml:1:1: the file is empty; expected a sweep, such as sweeps/quickstart.yaml");
  EXPECT_EQ(complaint("--- 1\n--- 2\n"),
            "x.yaml: the file holds more than one YAML document; expected one");
  EXPECT_EQ(complaint("a: &x [1, *x]\n"),
            "x.yaml:1:11: the alias stands inside of what it names; write it out");
  EXPECT_EQ(complaint("a: *nothing\n"),
            "x.yaml:1:4: this is not YAML: the referenced anchor is not "
            "defined");
  EXPECT_EQ(complaint("a: !!int 3\n"),
            "x.yaml:1:4: the tag tag:yaml.org,2002:int is not supported; leave it out");
  EXPECT_EQ(complaint("[1]: 2\n"), "x.yaml:1:1: a key must be a plain text, this is a list");
}

TEST(Document, ABombOfAliasesIsCountedNotBuilt) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 1; j < 10; ++j) bomb += ", " + before;
    bomb += "]\n";
  }
  EXPECT_NE(complaint(bomb).find("more than 100000 values"), std::string::npos);
}

TEST(Document, NestedAnchorsAreCountedToo) {
  std::string yaml;
  for (int i = 0; i < 60; ++i) yaml += "[&a" + std::to_string(i) + " ";
  yaml += "[x";
  for (int i = 0; i < 5000; ++i) yaml += ", x";
  yaml += "]" + std::string(60, ']');
  EXPECT_NE(complaint(yaml).find("more than 100000 values"), std::string::npos);
}

TEST(Document, DeepNestingAndLargeFilesAreRefused) {
  EXPECT_NE(complaint(std::string(65, '[') + std::string(65, ']')).find("64 levels"),
            std::string::npos);
  EXPECT_FALSE(complaint(std::string(500'000, '[')).empty());
  EXPECT_FALSE(complaint(std::string(500'000, '{')).empty());
  std::string block;
  for (int i = 0; i < 1000; ++i) block += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  EXPECT_FALSE(complaint(block).empty());
  EXPECT_NE(complaint(std::string(2 << 20, 'x')).find("larger than 1 MiB"), std::string::npos);
}

TEST(Document, AFileOfTheLargestSizeIsReadInSeconds) {
  std::string yaml = "a: [1";
  while (yaml.size() < 190'000) yaml += ", 1";
  yaml += "]\n#" + std::string(kMaxSweepBytes - yaml.size() - 4, '-') + "\n";
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(yaml.size(), kMaxSweepBytes);
  EXPECT_EQ(read(yaml).members[0].value.items.size(), 63333u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace vlsweep
