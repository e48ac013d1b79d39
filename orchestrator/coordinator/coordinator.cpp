#include "orchestrator/coordinator/coordinator.h"

#include <algorithm>
#include <utility>

#include "orchestrator/base/log.h"
#include "orchestrator/protocol/batch.h"

namespace vlsweep {
namespace {

double seconds(std::uint32_t milliseconds) { return milliseconds / 1000.0; }

std::string seconds_text(std::uint32_t milliseconds) {
  return milliseconds % 1000 == 0 ? std::to_string(milliseconds / 1000) + " s"
                                  : std::to_string(milliseconds) + " ms";
}

}  // namespace

Coordinator::Coordinator(const Plan& plan, CoordinatorConfig config)
    : plan_(plan),
      config_(std::move(config)),
      history_(std::make_unique<History>(plan)),
      scheduler_(plan, config_.scheduler),
      agents_(config_.num_agents + 1),
      outgoing_(config_.num_agents + 1) {}

void Coordinator::on_payload(std::uint32_t rank, std::string_view bytes, Instant now) {
  if (rank == 0 || rank >= agents_.size() || outcome_) return;
  agents_[rank].heard_s = now.steady_s;
  const Result<> handled = for_each_message<ToCoordinator>(bytes, [&](ToCoordinator&& message) {
    if (admit(rank, message)) std::visit([&](auto& m) { on_message(rank, m, now); }, message);
  });
  if (!handled) lose(rank, "sent what is not a message: " + handled.error().message, now);
}

// A rank must say Hello before anything else; one that was taken for lost is asked to do so again.
bool Coordinator::admit(std::uint32_t rank, const ToCoordinator& message) {
  Agent& agent = agents_[rank];
  if (agent.presence == Presence::joined || std::holds_alternative<Hello>(message)) return true;
  const bool gone = agent.presence == Presence::lost || agent.presence == Presence::absent;
  if (gone && !agent.rejoin_sent) {
    agent.rejoin_sent = true;
    send(rank, Rejoin{});
  }
  return false;
}

void Coordinator::on_message(std::uint32_t rank, Hello& hello, Instant now) {
  Agent& agent = agents_[rank];
  if (hello.protocol != kProtocolVersion) {
    log_event(Level::error, "rank_refused",
              {{"rank", std::int64_t{rank}},
               {"protocol", std::int64_t{hello.protocol}},
               {"expected", std::int64_t{kProtocolVersion}}});
    agent.presence = Presence::refused;
    send(rank, Shutdown{false});
    return;
  }
  if (agent.presence == Presence::joined) lose(rank, "started anew", now);
  agent = Agent{Presence::joined, now.steady_s, false};
  anyone_joined_ = true;
  scheduler_.on_rank_joined(rank, {hello.host, hello.cores, hello.gpus, hello.gpu_memory});
  send(rank, Welcome{kProtocolVersion, config_.run_folder, config_.store_folder,
                     config_.heartbeat_ms, config_.silence_ms});
  log_event(Level::info, "rank_joined",
            {{"rank", std::int64_t{rank}}, {"host", hello.host}, {"device", hello.device}});
  output_.events.push_back(RankJoined{now.wall_s, rank, std::move(hello.host), hello.pid,
                                      std::move(hello.device), std::move(hello.versions)});
}

void Coordinator::on_message(std::uint32_t rank, const Started& started, Instant now) {
  const ReportOutcome outcome =
      scheduler_.on_started(rank, started.stage, started.attempt, now.steady_s);
  if (outcome != ReportOutcome::accepted) return;
  output_.events.push_back(
      StageStarted{now.wall_s, plan_.stages[started.stage].key, started.attempt, rank});
}

void Coordinator::on_message(std::uint32_t rank, Progress& progress, Instant now) {
  if (scheduler_.current(rank, progress.stage, progress.attempt))
    output_.live.push_back({now.wall_s, rank, std::move(progress)});
}

void Coordinator::on_message(std::uint32_t rank, Finished& finished, Instant now) {
  const ReportOutcome outcome =
      scheduler_.on_finished(rank, finished.stage, finished.attempt, finished.result.seconds);
  if (outcome != ReportOutcome::accepted) return;
  output_.events.push_back(StageDone{now.wall_s, plan_.stages[finished.stage].key, finished.attempt,
                                     rank, std::move(finished.result)});
}

void Coordinator::on_message(std::uint32_t rank, Failed& failed, Instant now) {
  const ReportOutcome outcome =
      scheduler_.on_failed(rank, failed.stage, failed.attempt, failed.code, failed.message);
  if (outcome == ReportOutcome::stale) return;
  const Stage& stage = plan_.stages[failed.stage];
  log_event(Level::warning, "stage_failed",
            {{"stage", stage.name},
             {"attempt", std::int64_t{failed.attempt}},
             {"rank", std::int64_t{rank}},
             {"reason", failed.message}});
  output_.events.push_back(StageFailed{now.wall_s, stage.key, failed.attempt, rank, failed.code,
                                       std::move(failed.message),
                                       outcome == ReportOutcome::failed});
}

void Coordinator::lose(std::uint32_t rank, const std::string& reason, Instant now) {
  Agent& agent = agents_[rank];
  if (agent.presence != Presence::joined) return;
  agent.presence = Presence::lost;
  outgoing_[rank].clear();
  output_.lost.push_back(rank);
  output_.events.push_back(RankLost{now.wall_s, rank, reason});
  log_event(Level::warning, "rank_lost", {{"rank", std::int64_t{rank}}, {"reason", reason}});
  const std::string message = "rank " + std::to_string(rank) + " was lost (" + reason + ")";
  for (const LostAttempt& attempt : scheduler_.on_rank_lost(rank, message))
    output_.events.push_back(StageFailed{now.wall_s, plan_.stages[attempt.stage].key,
                                         attempt.attempt, rank, Errc::unavailable, message,
                                         attempt.final});
}

void Coordinator::on_tick(Instant now) {
  if (outcome_) return;
  find_silent(now);
  send_heartbeats(now);
  hand_out();
  fail_unplaceable(now);
  notice_end(now);
}

void Coordinator::find_silent(Instant now) {
  const double silence_s = seconds(config_.silence_ms);
  // Were we stopped ourselves? Then what others said meanwhile is still on its way.
  const bool was_away = now.steady_s - last_tick_s_ > silence_s / 2;
  last_tick_s_ = now.steady_s;
  for (std::uint32_t rank = 1; rank < agents_.size(); ++rank) {
    if (was_away) agents_[rank].heard_s = now.steady_s;
    if (agents_[rank].presence == Presence::joined &&
        now.steady_s - agents_[rank].heard_s > silence_s)
      lose(rank, "not a word for " + seconds_text(config_.silence_ms), now);
  }
}

void Coordinator::send_heartbeats(Instant now) {
  if (now.steady_s < next_heartbeat_s_) return;
  next_heartbeat_s_ = now.steady_s + seconds(config_.heartbeat_ms);
  ++heartbeats_;
  for (std::uint32_t rank = 1; rank < agents_.size(); ++rank)
    if (agents_[rank].presence == Presence::joined) send(rank, CoordinatorHeartbeat{heartbeats_});
}

void Coordinator::hand_out() {
  const std::vector<Order> orders = scheduler_.take_orders();
  for (std::size_t i = 0; i < orders.size();) {
    const Order& first = orders[i];
    if (first.action == Order::Action::withdraw) {
      send(first.rank, Cancel{first.stage, first.attempt});
      ++i;
      continue;
    }
    Assign assign;
    for (; i < orders.size() && orders[i].action == Order::Action::assign &&
           orders[i].rank == first.rank;
         ++i) {
      const Stage& stage = plan_.stages[orders[i].stage];
      Assignment& assignment = assign.stages.emplace_back(
          Assignment{orders[i].stage, orders[i].attempt, stage.kind, stage.key, {}, stage.spec});
      for (const std::uint32_t parent : stage.parents)
        assignment.parents.push_back(plan_.stages[parent].key);
      assignment.member = orders[i].member;
      assignment.members = orders[i].members;
      if (assignment.members > 1) assignment.rendezvous = rendezvous(orders[i]);
    }
    send(first.rank, assign);
  }
}

// New for each attempt of each coordinator: what an attempt left there says nothing to another.
std::string Coordinator::rendezvous(const Order& order) const {
  return gangs_folder(config_.run_folder) + "/" + plan_.stages[order.stage].key.short_hex() + "." +
         std::to_string(order.attempt) + "." + std::to_string(opened_ms_);
}

// Once it is known which ranks there are, a stage that none of them suits will never run; unless
// the rank that did was lost, and comes back with a new job.
void Coordinator::fail_unplaceable(Instant now) {
  if (!scheduler_.stalled() || count(Presence::awaited) > 0) return;
  if (count(Presence::lost) > 0) return close(RunOutcome::ranks_lost, nullptr, now);
  for (const std::uint32_t stage : scheduler_.fail_unplaceable())
    output_.events.push_back(StageFailed{now.wall_s, plan_.stages[stage].key, 0, 0,
                                         Errc::unavailable, scheduler_.reason(stage), true});
}

void Coordinator::notice_end(Instant now) {
  if (outcome_) return;
  const StageCounts& counts = scheduler_.counts();
  if (scheduler_.ended()) {
    const bool all_well = counts.failed + counts.blocked == 0;
    return close(all_well ? RunOutcome::done : RunOutcome::failed, all_well ? "done" : "failed",
                 now);
  }
  if (now.steady_s - opened_s_ > seconds(config_.join_ms)) {
    for (std::uint32_t rank = 1; rank < agents_.size(); ++rank) {
      if (agents_[rank].presence != Presence::awaited) continue;
      agents_[rank].presence = Presence::absent;
      log_event(Level::warning, "rank_never_joined", {{"rank", std::int64_t{rank}}});
    }
  }
  if (count(Presence::joined) + count(Presence::awaited) == 0)
    close(anyone_joined_ ? RunOutcome::ranks_lost : RunOutcome::no_ranks, nullptr, now);
}

void Coordinator::stop(Instant now) {
  if (outcome_) return;
  scheduler_.stop();
  hand_out();
  close(RunOutcome::stopped, "stopped", now);
}

// A run that a restart will go on with is not closed in the journal.
void Coordinator::close(RunOutcome outcome, const char* journaled, Instant now) {
  outcome_ = outcome;
  if (journaled != nullptr) output_.events.push_back(RunClosed{now.wall_s, journaled});
  const bool orderly = !any_rank_missing();
  for (std::uint32_t rank = 1; rank < agents_.size(); ++rank)
    if (agents_[rank].presence == Presence::joined) send(rank, Shutdown{orderly});
}

bool Coordinator::any_rank_missing() const { return count(Presence::joined) + 1 < agents_.size(); }

std::uint32_t Coordinator::count(Presence presence) const {
  return static_cast<std::uint32_t>(
      std::count_if(agents_.begin() + 1, agents_.end(),
                    [&](const Agent& agent) { return agent.presence == presence; }));
}

void Coordinator::send(std::uint32_t rank, const ToAgent& message) {
  encode_variant(outgoing_[rank], message);
}

Coordinator::Output Coordinator::take_output() {
  for (std::uint32_t rank = 1; rank < outgoing_.size(); ++rank)
    if (!outgoing_[rank].bytes().empty())
      output_.payloads.push_back({rank, std::exchange(outgoing_[rank], {}).take()});
  return std::exchange(output_, {});
}

}  // namespace vlsweep
