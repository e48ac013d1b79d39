// The coordinator of a run without its surroundings: payloads of agents, the passing of time and a
// wish to stop go in; events for the journal, payloads for agents and live reports come out. Holds
// the scheduler; no thread, clock, file or network, so that tests run it on simulated ones.
//
// Order of use: restore() each event of the journal, open(), then on_*() and take_output() in turn.
// The caller makes an output's events durable before it sends the output's payloads.
//
// One owner, one thread. The plan must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/coordinator/history.h"
#include "orchestrator/coordinator/recorder.h"
#include "orchestrator/protocol/event.h"
#include "orchestrator/protocol/message.h"
#include "orchestrator/scheduler/scheduler.h"

namespace vlsweep {

// A moment on two clocks: one for people (may jump), one for waiting (may not).
struct Instant {
  double wall_s = 0;    // since 1970
  double steady_s = 0;  // since anything
};

// What the store has under a key.
using StoreLookup = std::function<std::optional<StageResult>(const Key&)>;

struct CoordinatorConfig {
  std::string run_folder;  // as agents are told
  std::string store_folder;
  std::uint32_t num_agents = 0;  // ranks 1..num_agents are expected
  std::uint32_t heartbeat_ms = 1'000;
  std::uint32_t silence_ms = 20'000;  // a rank without a word for so long is lost
  std::uint32_t join_ms = 180'000;    // for a rank's Hello, which waits for its trainer's start
  bool retry_failed = false;          // stages that failed for good in the past are tried anew
  RunOpened opened{};                 // journaled first; its time is filled in
  SchedulerOptions scheduler;
};

// Where the members of gangs find each other; nothing in it outlives a coordinator.
inline std::string gangs_folder(const std::string& run_folder) { return run_folder + "/gangs"; }

enum class RunOutcome {
  done,
  failed,   // some stages failed or are blocked
  stopped,  // on request
  // All ranks that had joined are lost: start the job again, the journal carries on.
  ranks_lost,
  // No rank ever joined.
  no_ranks
};

class Coordinator {
 public:
  struct Output {
    struct Payload {
      std::uint32_t rank = 0;
      std::string bytes;
    };
    std::vector<Event> events;        // for the journal, then the recorder
    std::vector<Payload> payloads;    // for agents, once the events are durable
    std::vector<std::uint32_t> lost;  // ranks to forget, before payloads are sent
    std::vector<LiveReport> live;
  };

  Coordinator(const Plan& plan, CoordinatorConfig config);

  void restore(const Event& event) { history_->fold(event); }
  // Done stages stay done (unless the store has lost them), attempts go on counting, the store is
  // asked for all others.
  void open(Instant now, const StoreLookup& store);

  void on_payload(std::uint32_t rank, std::string_view bytes, Instant now);
  // Looks who has gone silent, sends heartbeats, hands out stages, notices the end. To be called
  // after the payloads that have come, several times a second.
  void on_tick(Instant now);
  // Ends the run: what runs is cancelled, RunClosed{"stopped"} is journaled.
  void stop(Instant now);

  Output take_output();
  // Set once the run is over; the last output carries the farewells.
  std::optional<RunOutcome> outcome() const { return outcome_; }
  // Whether any rank was lost or never came, so that nobody should wait for it.
  bool any_rank_missing() const;

  const Scheduler& scheduler() const { return scheduler_; }

 private:
  // awaited, and absent where it was in vain: has not said Hello.
  enum class Presence { awaited, absent, joined, lost, refused };
  struct Agent {
    Presence presence = Presence::awaited;
    double heard_s = 0;
    bool rejoin_sent = false;
  };

  void restore_stage(std::uint32_t stage, const StoreLookup& store, double wall_s);
  void restore_failures();
  void on_message(std::uint32_t rank, Hello& hello, Instant now);
  void on_message(std::uint32_t rank, const Started& started, Instant now);
  void on_message(std::uint32_t rank, Progress& progress, Instant now);
  void on_message(std::uint32_t rank, Finished& finished, Instant now);
  void on_message(std::uint32_t rank, Failed& failed, Instant now);
  void on_message(std::uint32_t, const AgentHeartbeat&, Instant) {}
  bool admit(std::uint32_t rank, const ToCoordinator& message);
  void lose(std::uint32_t rank, const std::string& reason, Instant now);
  void find_silent(Instant now);
  void send_heartbeats(Instant now);
  void hand_out();
  void fail_unplaceable(Instant now);
  void notice_end(Instant now);
  void close(RunOutcome outcome, const char* journaled, Instant now);
  void send(std::uint32_t rank, const ToAgent& message);
  std::uint32_t count(Presence presence) const;
  std::string rendezvous(const Order& order) const;

  const Plan& plan_;
  CoordinatorConfig config_;
  std::unique_ptr<History> history_;  // until open()
  Scheduler scheduler_;
  std::vector<Agent> agents_;      // by rank; 0 is ourselves
  std::vector<Encoder> outgoing_;  // by rank
  Output output_;
  std::optional<RunOutcome> outcome_;
  bool anyone_joined_ = false;
  double opened_s_ = 0, last_tick_s_ = 0, next_heartbeat_s_ = 0;
  std::int64_t opened_ms_ = 0;
  std::uint64_t heartbeats_ = 0;
};

}  // namespace vlsweep
