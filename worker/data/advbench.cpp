// AdvBench's harmful_behaviors.csv: goal (what is asked) and target (how a compliant answer
// begins).
#include "worker/data/formats.h"
#include "worker/data/item.h"

namespace vlsweep {

Result<Dataset> read_advbench(const DataSource& source) {
  return read_csv_rows(source, {"goal"}, [](const CsvRow& row) -> Result<std::optional<Sample>> {
    if (row.cell("goal").empty()) return fail(Errc::invalid, "'goal' is empty");
    Sample sample;
    sample.id = "advbench-" + std::to_string(row.index());
    sample.turns.push_back({row.cell("goal"), ""});
    sample.target = row.cell("target");
    return sample;
  });
}

}  // namespace vlsweep
