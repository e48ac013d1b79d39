// An agent for tests and benchmarks that does noop stages: no trainer, no store. Speaks the whole
// protocol over any transport.
//
// One owner, one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/protocol/message.h"
#include "orchestrator/protocol/transport.h"

namespace vlsweep::testing {

struct NoopAgentOptions {
  double stage_s = 0;  // how long each stage takes
  bool reports_started = true;
  std::string host = "test";
  std::uint32_t cores = 64;
};

class NoopAgent {
 public:
  NoopAgent(Transport& transport, NoopAgentOptions options);
  // One turn: messages in, stages done, messages out. `now` in seconds of any clock.
  void turn(double now, std::chrono::microseconds wait);
  // Whether the coordinator said goodbye, and how.
  const std::optional<Shutdown>& goodbye() const { return goodbye_; }
  bool coordinator_silent(double now) const;

 private:
  struct Work {
    std::uint32_t stage = 0;
    std::uint32_t attempt = 0;
    std::optional<double> begun;
  };
  void on_message(const Welcome& welcome);
  void on_message(const Assign& assign);
  void on_message(const Cancel& cancel);
  void on_message(const CoordinatorHeartbeat&) {}
  void on_message(const Shutdown& shutdown) { goodbye_ = shutdown; }
  void on_message(const Rejoin&);
  void say_hello();
  void work(double now);

  Transport& transport_;
  NoopAgentOptions options_;
  std::deque<Work> queue_;
  std::vector<ToCoordinator> outgoing_;
  std::optional<Shutdown> goodbye_;
  double heartbeat_s_ = 0;
  double silence_s_ = 0;
  double next_heartbeat_ = 0;
  double heard_ = 0;
};

}  // namespace vlsweep::testing
