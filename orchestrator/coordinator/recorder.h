// Who is told what happened, once it is durable: the results database, or a test. Behind the
// journal and never in its way.
//
// recorded() is called first, by the owner; everything after that by one thread, RecorderThread's.
#pragma once

#include <cstdint>
#include <span>

#include "orchestrator/protocol/event.h"
#include "orchestrator/protocol/message.h"

namespace vlsweep {

// Progress of a stage that runs; never in the journal.
struct LiveReport {
  double time = 0;  // seconds since 1970
  std::uint32_t rank = 0;
  Progress progress;
};

class Recorder {
 public:
  virtual ~Recorder() = default;
  // The number of the last event that it has; the journal's first event is number 1.
  virtual std::uint64_t recorded() = 0;
  // Events numbered first, first + 1, ... . After an error the same events are offered again.
  virtual Result<> record(std::uint64_t first, std::span<const Event> events) = 0;
  // May be dropped.
  virtual void live(std::span<const LiveReport> reports) = 0;
  // Called every few seconds, and last of all: a good moment to publish a snapshot.
  virtual void checkpoint() = 0;
};

}  // namespace vlsweep
