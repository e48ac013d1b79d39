// The coordinator's recorder over results.db: events and progress go into the projection, off the
// scheduling thread. One owner; called by the recorder's thread alone once the run has begun.
#pragma once

#include "orchestrator/coordinator/recorder.h"
#include "storage/projection.h"

namespace vlsweep {

class ProjectionRecorder : public Recorder {
 public:
  explicit ProjectionRecorder(Projection projection) : projection_(std::move(projection)) {}

  std::uint64_t recorded() override { return projection_.applied(); }
  Result<> record(std::uint64_t first, std::span<const Event> events) override {
    return projection_.apply(first, events);
  }
  void live(std::span<const LiveReport> reports) override;
  void checkpoint() override;

 private:
  Projection projection_;
};

}  // namespace vlsweep
