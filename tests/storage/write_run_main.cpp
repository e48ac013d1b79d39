// Writes the sample run below the folder given, for tests in other languages (read_run_test.py).
#include "tests/storage/sample_run.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const vlsweep::Plan plan = vlsweep::test::sample_plan();
  vlsweep::test::write_run(argv[1], plan, vlsweep::test::whole_run(plan));
  return 0;
}
