#include "tests/coordinator/simulation.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "orchestrator/protocol/batch.h"

namespace vlsweep::testing {
namespace {

constexpr double kLongestRunS = 100'000;
constexpr std::uint32_t kHeartbeatMs = 500;
constexpr std::uint32_t kSilenceMs = 3'000;

StageResult result_of(const Assignment& assignment, double seconds) {
  StageResult result;
  result.seconds = seconds;
  result.metrics = {{"value", static_cast<double>(assignment.key.bytes[0]), 0, 0}};
  return result;
}

}  // namespace

Simulation::Simulation(const Plan& plan, std::uint32_t num_agents, Faults faults,
                       std::uint64_t seed)
    : plan_(plan), faults_(std::move(faults)), random_(seed), agents_(num_agents + 1) {}

void Simulation::at(double time, std::function<void()> action) {
  events_.push({time, sequence_++, std::move(action)});
}

double Simulation::until_fault(double mean_s) { return -std::log(1 - random()) * mean_s; }

void Simulation::plan_faults() {
  const auto repeat = [this](double mean_s, const std::function<void()>& fault) {
    if (mean_s <= 0) return;
    for (double t = until_fault(mean_s); t < faults_.until_s; t += until_fault(mean_s))
      at(t, fault);
  };
  const auto any_agent = [this] {
    return static_cast<std::uint32_t>(1 + random_() % (agents_.size() - 1));
  };
  repeat(faults_.agent_dies_s, [this, any_agent] {
    const std::uint32_t rank = any_agent();
    Agent& agent = agents_[rank];
    agent.alive = false;
    ++agent.process;
    if (random() < 0.7)
      at(now_ + 5 * random(), [this, rank, world = world_] {
        if (world == world_ && !agents_[rank].alive) start_agent(rank);
      });
  });
  repeat(faults_.agent_freezes_s, [this, any_agent] {
    agents_[any_agent()].frozen_until = now_ + 2 * random() * kSilenceMs / 1000;
  });
  repeat(faults_.coordinator_dies_s, [this] {
    if (coordinator_) end_world();
  });
  repeat(faults_.disk_fails_s, [this] { disk_.calls_until_failure = random_() % 4; });
}

SimulationResult Simulation::run() {
  plan_faults();
  start_world();
  while (!result_.ended && !events_.empty() && now_ < kLongestRunS && result_.violation.empty()) {
    Timed next = events_.top();
    events_.pop();
    now_ = next.time;
    next.action();
  }
  if (!result_.ended && result_.violation.empty()) result_.violation = "the run does not end";
  result_.seconds = now_;
  return std::move(result_);
}

// mpirun starts the job: a coordinator that folds what the disk holds, and new agents.
void Simulation::start_world() {
  ++world_;
  disk_.calls_until_failure.reset();
  CoordinatorConfig config;
  config.num_agents = static_cast<std::uint32_t>(agents_.size() - 1);
  config.heartbeat_ms = kHeartbeatMs;
  config.silence_ms = kSilenceMs;
  config.join_ms = 10'000;
  coordinator_ = std::make_unique<Coordinator>(plan_, config);
  Result<Journal> journal = Journal::open(std::make_unique<MemoryFile>(disk_), "journal",
                                          [this](Event&& event) { coordinator_->restore(event); });
  if (!journal) {
    result_.violation = journal.error().text();
    return;
  }
  journal_.emplace(std::move(*journal));
  coordinator_->open({now_, now_}, [this](const Key& key) -> std::optional<StageResult> {
    if (!store_.contains(key)) return std::nullopt;
    return StageResult{};
  });
  for (std::uint32_t rank = 1; rank < agents_.size(); ++rank) start_agent(rank);
  turn();
}

// The coordinator, and with it the job, dies; whoever watches starts it again.
void Simulation::end_world() {
  ++world_;
  ++result_.restarts;
  result_.stale += coordinator_->scheduler().stale_reports();
  coordinator_.reset();
  journal_.reset();
  disk_.crash(static_cast<std::size_t>(random_() % 200));
  inbox_.clear();
  last_arrival_.clear();
  for (Agent& agent : agents_) {
    agent.alive = false;
    ++agent.process;
  }
  at(now_ + 1, [this] { start_world(); });
}

void Simulation::turn() {
  if (!coordinator_) return;
  const Instant now{now_, now_};
  for (; !inbox_.empty(); inbox_.pop_front())
    coordinator_->on_payload(inbox_.front().first, inbox_.front().second, now);
  coordinator_->on_tick(now);
  if (!commit()) return end_world();
  check();
  if (const std::optional<RunOutcome> outcome = coordinator_->outcome()) {
    result_.outcome = *outcome;
    if (*outcome == RunOutcome::ranks_lost || *outcome == RunOutcome::no_ranks) return end_world();
    return collect();
  }
  at(now_ + 0.001 + 0.05 * random(), [this, world = world_] {
    if (world == world_) turn();
  });
}

bool Simulation::commit() {
  Coordinator::Output output = coordinator_->take_output();
  for (const Event& event : output.events) journal_->append(event);
  if (!journal_->sync()) return false;
  Encoder encoder;
  for (const Event& event : output.events) encode_variant(encoder, event);
  result_.log += encoder.bytes();
  for (auto& [rank, bytes] : output.payloads) deliver(0, rank, std::move(bytes));
  return true;
}

// In order between two processes, at any time between others.
void Simulation::deliver(std::uint32_t from, std::uint32_t to, std::string bytes) {
  const double delay = random() < 0.05 ? 2 * random() : 0.01 * random();
  double& last = last_arrival_[{from, to}];
  last = std::max(last, now_ + delay);
  const bool twice = to == 0 && chance(faults_.payload_twice);
  if (twice)
    at(last + 3 * random(), [this, from, to, bytes, world = world_] {
      if (world == world_) arrive(from, to, bytes);
    });
  at(last, [this, from, to, bytes = std::move(bytes), world = world_] {
    if (world == world_) arrive(from, to, bytes);
  });
}

void Simulation::arrive(std::uint32_t from, std::uint32_t to, const std::string& bytes) {
  if (to == 0) {
    inbox_.emplace_back(from, bytes);
  } else {
    agent_hears(to, bytes);
  }
}

void Simulation::start_agent(std::uint32_t rank) {
  Agent& agent = agents_[rank];
  agent = Agent{true, agent.process + 1, 0, {}, false};
  Hello hello;
  hello.host = rank % 2 == 0 ? "even" : "odd";
  hello.cores = 2;
  at(now_ + 0.1 * random(), [this, rank, process = agent.process, hello] {
    if (agents_[rank].process == process) agent_says(rank, hello);
  });
}

void Simulation::agent_says(std::uint32_t rank, const ToCoordinator& message) {
  deliver(rank, 0, encode_one(message));
}

void Simulation::agent_hears(std::uint32_t rank, const std::string& bytes) {
  Agent& agent = agents_[rank];
  if (!agent.alive) return;
  if (now_ < agent.frozen_until)
    return at(agent.frozen_until, [this, rank, bytes, process = agent.process] {
      if (agents_[rank].process == process) agent_hears(rank, bytes);
    });
  (void)for_each_message<ToAgent>(
      bytes, [this, rank](ToAgent&& message) { agent_message(rank, message); });
}

void Simulation::agent_message(std::uint32_t rank, const ToAgent& message) {
  Agent& agent = agents_[rank];
  if (std::holds_alternative<Welcome>(message)) {
    if (!std::exchange(agent.welcomed, true)) heartbeat(rank);
  } else if (const auto* assign = std::get_if<Assign>(&message)) {
    for (const Assignment& assignment : assign->stages) agent.queue.push_back({assignment});
    begin_next(rank);
  } else if (const auto* cancel = std::get_if<Cancel>(&message)) {
    std::erase_if(agent.queue, [&](const Work& work) {
      return work.assignment.stage == cancel->stage && work.assignment.attempt == cancel->attempt;
    });
    agent_says(rank, Failed{cancel->stage, cancel->attempt, Errc::cancelled, "cancelled"});
    begin_next(rank);
  } else if (std::holds_alternative<Rejoin>(message)) {
    agent.queue.clear();
    Hello hello;
    hello.host = rank % 2 == 0 ? "even" : "odd";
    hello.cores = 2;
    agent_says(rank, hello);
  } else if (std::holds_alternative<Shutdown>(message)) {
    agent.alive = false;
  }
}

void Simulation::begin_next(std::uint32_t rank) {
  Agent& agent = agents_[rank];
  if (agent.queue.empty() || agent.queue.front().begun) return;
  Work& work = agent.queue.front();
  work.begun = true;
  if (work.assignment.member == 0)
    agent_says(rank, Started{work.assignment.stage, work.assignment.attempt});
  const double length = plan_.stages[work.assignment.stage].cost_s * (0.5 + random());
  at(now_ + length, [this, rank, process = agent.process, stage = work.assignment.stage,
                     attempt = work.assignment.attempt] {
    const Agent& a = agents_[rank];
    if (a.process == process && !a.queue.empty() && a.queue.front().begun &&
        a.queue.front().assignment.stage == stage && a.queue.front().assignment.attempt == attempt)
      finish_first(rank);
  });
}

void Simulation::finish_first(std::uint32_t rank) {
  Agent& agent = agents_[rank];
  if (!agent.alive) return;
  if (now_ < agent.frozen_until)
    return at(agent.frozen_until, [this, rank, process = agent.process] {
      const Agent& a = agents_[rank];
      if (a.process == process && !a.queue.empty() && a.queue.front().begun) finish_first(rank);
    });
  const Assignment assignment = std::move(agent.queue.front().assignment);
  agent.queue.pop_front();
  const bool leaves_files = assignment.kind != StageKind::noop;
  const bool has_parents = std::ranges::all_of(
      assignment.parents, [&](const Key& key) { return !leaves_files || store_.contains(key); });
  if (!has_parents) {
    agent_says(rank, Failed{assignment.stage, assignment.attempt, Errc::not_found, "no parent"});
  } else if (faults_.bad_stages.contains(assignment.stage)) {
    agent_says(rank, Failed{assignment.stage, assignment.attempt, Errc::invalid, "bad stage"});
  } else if (chance(faults_.attempt_fails)) {
    agent_says(rank, Failed{assignment.stage, assignment.attempt, Errc::io, "bad luck"});
  } else if (assignment.member == 0) {
    if (leaves_files) store_.insert(assignment.key);
    agent_says(rank, Finished{assignment.stage, assignment.attempt, result_of(assignment, 1)});
  }
  begin_next(rank);
}

void Simulation::heartbeat(std::uint32_t rank) {
  Agent& agent = agents_[rank];
  if (!agent.alive) return;
  if (now_ >= agent.frozen_until) agent_says(rank, AgentHeartbeat{});
  at(std::max(now_ + kHeartbeatMs / 1000.0, agent.frozen_until),
     [this, rank, process = agent.process] {
       if (agents_[rank].process == process) heartbeat(rank);
     });
}

void Simulation::check() {
  const Result<> sound = coordinator_->scheduler().check_invariants();
  if (!sound) result_.violation = sound.error().text();
  if (!coordinator_->scheduler().counts().add_up()) result_.violation = "counts do not add up";
}

void Simulation::collect() {
  result_.ended = true;
  result_.stale += coordinator_->scheduler().stale_reports();
  for (std::uint32_t stage = 0; stage < plan_.stages.size(); ++stage) {
    const StageState& state = coordinator_->scheduler().state(stage);
    result_.ends[stage] = is_good(state)                                ? "good"
                          : std::holds_alternative<FailedState>(state)  ? "failed"
                          : std::holds_alternative<BlockedState>(state) ? "blocked"
                                                                        : "open";
  }
  (void)Journal::open(std::make_unique<MemoryFile>(disk_), "journal",
                      [this](Event&& event) { result_.journal.push_back(std::move(event)); });
}

}  // namespace vlsweep::testing
