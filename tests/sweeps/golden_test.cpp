// Golden pairs: golden/NAME.yaml and golden/NAME.txt, the plan or the complaints; also the
// ready-made sweeps of sweeps/. Made anew by running sweeps_golden_test with
// VLSWEEP_REMAKE_GOLDEN=1 in the environment; then read the difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "orchestrator/base/file.h"
#include "plan_text.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = VLSWEEP_SOURCE_DIR;
const fs::path kGolden = kSource / "tests/sweeps/golden";

std::vector<fs::path> inputs() {
  std::vector<fs::path> files{kSource / "sweeps/quickstart.yaml", kSource / "sweeps/smoke.yaml"};
  for (const auto& entry : fs::directory_iterator(kGolden))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

class Golden : public testing::TestWithParam<fs::path> {};

TEST_P(Golden, GivesThisPlanOrTheseComplaints) {
  const Result<std::string> yaml = read_file(GetParam(), 1 << 20);
  ASSERT_TRUE(yaml);
  const std::string text = plan_text(*yaml, GetParam().filename().string());
  const fs::path expected_file = kGolden / (GetParam().stem().string() + ".txt");
  if (std::getenv("VLSWEEP_REMAKE_GOLDEN") != nullptr) {
    std::ofstream(expected_file) << text;
    return;
  }
  const Result<std::string> expected = read_file(expected_file, 64 << 20);
  ASSERT_TRUE(expected) << expected.error().text();
  EXPECT_EQ(text, *expected);
}

INSTANTIATE_TEST_SUITE_P(Sweeps, Golden, testing::ValuesIn(inputs()), [](const auto& parameter) {
  std::string name = parameter.param.stem().string();
  std::replace_if(name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
});

}  // namespace
}  // namespace vlsweep
