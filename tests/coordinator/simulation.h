// A whole run on virtual time: the real coordinator, scheduler and journal; a network, a disk, a
// store and agents that are simulated, with faults, all drawn from one seed.
//
// A Simulation is a value of one thread; the same plan, faults and seed give the same run.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/coordinator/coordinator.h"
#include "orchestrator/coordinator/journal.h"
#include "tests/coordinator/memory_file.h"

namespace vlsweep::testing {

// Probabilities, and mean times between faults in seconds (0: never).
struct Faults {
  double attempt_fails = 0;    // each attempt, in a way that is retried
  double payload_twice = 0;    // each payload to the coordinator arrives again, later
  double agent_dies_s = 0;     // and comes back as a new process, or does not
  double agent_freezes_s = 0;  // for longer than the coordinator's patience, at times
  double coordinator_dies_s = 0;
  double disk_fails_s = 0;
  double until_s = 200;                // no faults after this, so that every run ends
  std::set<std::uint32_t> bad_stages;  // fail for good, whatever happens
};

struct SimulationResult {
  bool ended = false;
  RunOutcome outcome = RunOutcome::no_ranks;
  std::map<std::uint32_t, std::string> ends;  // stage -> "good", "failed", "blocked"
  std::vector<Event> journal;                 // at the end
  std::string log;                            // every event that became durable, encoded
  std::uint64_t stale = 0;
  std::uint32_t restarts = 0;
  double seconds = 0;     // virtual
  std::string violation;  // of an invariant; empty if all held
};

class Simulation {
 public:
  Simulation(const Plan& plan, std::uint32_t num_agents, Faults faults, std::uint64_t seed);
  SimulationResult run();

 private:
  struct Work {
    Assignment assignment;
    bool begun = false;
  };
  struct Agent {
    bool alive = false;
    std::uint64_t process = 0;  // changes with each start: what belongs to an old one is void
    double frozen_until = 0;
    std::deque<Work> queue;
    bool welcomed = false;
  };
  struct Timed {
    double time = 0;
    std::uint64_t sequence = 0;
    std::function<void()> action;
    bool operator>(const Timed& other) const {
      return time != other.time ? time > other.time : sequence > other.sequence;
    }
  };
  void at(double time, std::function<void()> action);
  double random() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  bool chance(double p) { return now_ < faults_.until_s && random() < p; }
  double until_fault(double mean_s);
  void plan_faults();

  void start_world();
  void end_world();
  void turn();  // of the coordinator
  bool commit();
  void deliver(std::uint32_t from, std::uint32_t to, std::string bytes);
  void arrive(std::uint32_t from, std::uint32_t to, const std::string& bytes);

  void start_agent(std::uint32_t rank);
  void agent_says(std::uint32_t rank, const ToCoordinator& message);
  void agent_hears(std::uint32_t rank, const std::string& bytes);
  void agent_message(std::uint32_t rank, const ToAgent& message);
  void begin_next(std::uint32_t rank);
  void finish_first(std::uint32_t rank);
  void heartbeat(std::uint32_t rank);
  void check();
  void collect();

  const Plan& plan_;
  Faults faults_;
  std::mt19937_64 random_;
  double now_ = 0;
  std::uint64_t sequence_ = 0;
  std::priority_queue<Timed, std::vector<Timed>, std::greater<>> events_;

  std::uint64_t world_ = 0;  // changes with each start of the job
  std::vector<Agent> agents_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, double> last_arrival_;
  std::deque<std::pair<std::uint32_t, std::string>> inbox_;
  std::set<Key> store_;
  MemoryDisk disk_;
  std::unique_ptr<Coordinator> coordinator_;
  std::optional<Journal> journal_;
  SimulationResult result_;
};

}  // namespace vlsweep::testing
