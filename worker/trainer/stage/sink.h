// Where a running stage sends what it has to say, and what it leaves at its end. No libtorch here.
//
// A StageSink is called by the one thread that runs the stage.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "orchestrator/protocol/stage.h"

namespace vlsweep {

// One answered prompt of a suite.
struct ResponseRow {
  std::string id, prompt, response, target, image, category, subcategory;
};

struct StageOutcome {
  double seconds = 0;
  std::vector<Metric> metrics;
  std::uint64_t peak_memory = 0;  // bytes; of the device if there is one, else of the process
  std::string note;               // for people: bad samples, halved micro-batches; may be empty
};

class StageSink {
 public:
  virtual ~StageSink() = default;
  // `step` of `steps` is done.
  virtual void progress(std::int64_t step, std::int64_t steps, std::vector<SeriesPoint> points) = 0;
  // Rows come in the order of the suite.
  virtual void samples(std::vector<ResponseRow> rows) = 0;
  // Asked between steps: true ends the stage with Errc::cancelled.
  virtual bool cancelled() = 0;
};

}  // namespace vlsweep
