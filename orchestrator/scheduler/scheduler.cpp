#include "orchestrator/scheduler/scheduler.h"

#include <algorithm>

namespace vlsweep {

bool worth_retrying(Errc code) {
  switch (code) {
    case Errc::invalid:
    case Errc::corrupt:
    case Errc::diverged:
    case Errc::not_found:
      return false;  // the same inputs would fail the same way
    case Errc::io:
    case Errc::busy:
    case Errc::out_of_memory:
    case Errc::cancelled:
    case Errc::unavailable:
    case Errc::internal:
      return true;
  }
  return false;
}

Scheduler::Scheduler(const Plan& plan, SchedulerOptions options)
    : options_(options), table_(plan), ready_(plan, table_), ranks_(options.limits) {
  for (const Stage& stage : plan.stages) has_gangs_ |= stage.resources.ranks > 1;
  for (std::uint32_t i = 0; i < table_.size(); ++i)
    if (table_.pending_parents(i) == 0) make_available(i);
}

void Scheduler::restore_attempts(std::uint32_t stage, std::uint32_t attempts,
                                 std::uint32_t failures) {
  table_.restore_attempts(stage, attempts, failures);
}

void Scheduler::restore_done(std::uint32_t stage, std::uint32_t attempt, double seconds) {
  if (is_ended(table_.state(stage))) return;
  costs_.observe(table_.stage(stage).kind, table_.stage(stage).cost_s, seconds);
  end_well(stage, DoneState{attempt});
}

void Scheduler::restore_failed(std::uint32_t stage, Errc code, std::string message) {
  if (!is_ended(table_.state(stage))) fail_for_good(stage, code, std::move(message));
}

void Scheduler::on_reused(std::uint32_t stage) {
  if (is_ended(table_.state(stage))) return;
  if (held_by(stage)) take_back(stage);
  end_well(stage, ReusedState{});
}

void Scheduler::on_rank_joined(std::uint32_t rank, const RankOffer& offer) {
  if (!ranks_.alive(rank)) ranks_.join(rank, offer);
  stop_gathering();  // it may be the one that was missing
}

std::vector<LostAttempt> Scheduler::on_rank_lost(std::uint32_t rank, const std::string& reason) {
  std::vector<LostAttempt> lost;
  if (!ranks_.alive(rank)) return lost;
  stop_gathering();
  const std::deque<RankTable::Entry> queue = ranks_.lose(rank);
  // Last first, so that a stage never waits for a parent that is still said to be before it.
  std::vector<std::uint32_t> running;
  for (auto entry = queue.rbegin(); entry != queue.rend(); ++entry) {
    const std::uint32_t first = held_by(entry->stage)->rank;
    take_from_ranks(entry->stage, rank);
    if (first != rank) take_back_followers(entry->stage, first);
    if (std::holds_alternative<RunningState>(table_.state(entry->stage))) {
      running.push_back(entry->stage);
    } else {
      make_available(entry->stage);
    }
  }
  for (const std::uint32_t stage : running) {
    const std::uint32_t attempt = table_.attempts(stage);
    const bool final = fail_attempt(stage, Errc::unavailable, reason);
    lost.push_back({stage, attempt, final});
  }
  return lost;
}

ReportOutcome Scheduler::on_started(std::uint32_t rank, std::uint32_t stage, std::uint32_t attempt,
                                    double now) {
  if (!current(rank, stage, attempt) || !std::holds_alternative<AssignedState>(table_.state(stage)))
    return count_stale();
  table_.set_state(stage, RunningState{rank, attempt, now});
  return ReportOutcome::accepted;
}

ReportOutcome Scheduler::on_finished(std::uint32_t rank, std::uint32_t stage, std::uint32_t attempt,
                                     double seconds) {
  // A parent that is not done cannot have been read: only a stage out of order would say so.
  if (!current(rank, stage, attempt) || table_.pending_parents(stage) != 0) return count_stale();
  take_from_ranks(stage, rank);
  costs_.observe(table_.stage(stage).kind, table_.stage(stage).cost_s, seconds);
  end_well(stage, DoneState{attempt});
  return ReportOutcome::accepted;
}

ReportOutcome Scheduler::on_failed(std::uint32_t rank, std::uint32_t stage, std::uint32_t attempt,
                                   Errc code, std::string message) {
  if (stage >= table_.size() || attempt != table_.attempts(stage) || !takes_part(rank, stage))
    return count_stale();
  const std::uint32_t first = held_by(stage)->rank;
  take_from_ranks(stage, rank);
  take_back_followers(stage, first);
  return fail_attempt(stage, code, std::move(message)) ? ReportOutcome::failed
                                                       : ReportOutcome::retried;
}

void Scheduler::cancel(std::uint32_t stage) {
  if (is_ended(table_.state(stage))) return;
  if (held_by(stage)) take_back(stage);
  fail_for_good(stage, Errc::cancelled, "cancelled on request");
}

void Scheduler::stop() {
  stopped_ = true;
  for (std::uint32_t stage = 0; stage < table_.size(); ++stage)
    if (held_by(stage)) take_back(stage);
}

bool Scheduler::stalled() const {
  return counts().ready > 0 && counts().running + counts().assigned == 0 && num_ranks() > 0;
}

std::vector<std::uint32_t> Scheduler::fail_unplaceable() {
  std::vector<std::uint32_t> failed;
  if (!stalled()) return failed;
  for (std::uint32_t stage = 0; stage < table_.size(); ++stage) {
    const Resources& needs = table_.stage(stage).resources;
    if (!table_.ready(stage)) continue;
    const std::size_t suiting = candidates(needs).size();
    if (suiting >= std::max<std::size_t>(1, needs.ranks)) continue;
    std::string why = "no rank has what it needs: " + std::to_string(needs.gpus) + " GPUs";
    if (needs.ranks > 1)
      why = "it needs " + std::to_string(needs.ranks) + " ranks at once, and there are " +
            std::to_string(suiting) + " with " + std::to_string(needs.gpus) + " GPUs";
    if (needs.gpu_memory > 0) why += " of " + std::to_string(needs.gpu_memory >> 30) + " GiB";
    fail_for_good(stage, Errc::unavailable, std::move(why));
    failed.push_back(stage);
  }
  return failed;
}

bool Scheduler::current(std::uint32_t rank, std::uint32_t stage, std::uint32_t attempt) const {
  if (stage >= table_.size()) return false;
  const std::optional<Holder> holder = held_by(stage);
  return holder && holder->rank == rank && holder->attempt == attempt;
}

const std::string& Scheduler::reason(std::uint32_t stage) const {
  static const std::string kNone;
  const auto found = reasons_.find(stage);
  return found == reasons_.end() ? kNone : found->second;
}

std::optional<Scheduler::Holder> Scheduler::held_by(std::uint32_t stage) const {
  const StageState& state = table_.state(stage);
  if (const auto* assigned = std::get_if<AssignedState>(&state))
    return Holder{assigned->rank, assigned->attempt};
  if (const auto* running = std::get_if<RunningState>(&state))
    return Holder{running->rank, running->attempt};
  return std::nullopt;
}

std::vector<std::uint32_t> Scheduler::members_of(std::uint32_t stage) const {
  const std::optional<Holder> holder = held_by(stage);
  if (!holder) return {};
  const auto gang = gangs_.find(stage);
  return gang == gangs_.end() ? std::vector{holder->rank} : gang->second;
}

bool Scheduler::takes_part(std::uint32_t rank, std::uint32_t stage) const {
  const std::vector<std::uint32_t> members = members_of(stage);
  return std::ranges::find(members, rank) != members.end();
}

void Scheduler::take_from_ranks(std::uint32_t stage, std::optional<std::uint32_t> silent) {
  const std::uint32_t attempt = held_by(stage)->attempt;
  for (const std::uint32_t member : members_of(stage)) {
    ranks_.remove(member, stage);
    if (member != silent) orders_.push_back({Order::Action::withdraw, member, stage, attempt});
  }
  gangs_.erase(stage);
}

void Scheduler::end_well(std::uint32_t stage, StageState state) {
  table_.set_state(stage, state);
  table_.release_children(stage, [this](std::uint32_t child) { make_available(child); });
}

void Scheduler::make_available(std::uint32_t stage) {
  if (table_.pending_parents(stage) > 0) {
    table_.set_state(stage, WaitingState{});
    return;
  }
  table_.set_state(stage, ReadyState{});
  ready_.push(stage);
}

void Scheduler::take_back(std::uint32_t stage) {
  const Holder holder = *held_by(stage);
  take_from_ranks(stage, std::nullopt);
  make_available(stage);
  take_back_followers(stage, holder.rank);
}

// Those in the same queue that counted on this stage to be done before them.
void Scheduler::take_back_followers(std::uint32_t stage, std::uint32_t rank) {
  for (const std::uint32_t child : table_.children(stage)) {
    const std::optional<Holder> holder = held_by(child);
    if (holder && holder->rank == rank) take_back(child);
  }
}

bool Scheduler::fail_attempt(std::uint32_t stage, Errc code, std::string message) {
  const std::uint32_t failures = table_.add_failure(stage);
  if (!worth_retrying(code) || failures >= table_.max_attempts()) {
    fail_for_good(stage, code, std::move(message));
    return true;
  }
  reasons_[stage] = std::move(message);
  make_available(stage);
  return false;
}

void Scheduler::fail_for_good(std::uint32_t stage, Errc code, std::string message) {
  reasons_[stage] = std::move(message);
  table_.set_state(stage, FailedState{code});
  block_descendants(stage);
}

void Scheduler::block_descendants(std::uint32_t culprit) {
  std::vector<std::uint32_t> next{culprit};
  while (!next.empty()) {
    const std::uint32_t stage = next.back();
    next.pop_back();
    for (const std::uint32_t child : table_.children(stage)) {
      if (is_ended(table_.state(child))) continue;
      if (held_by(child)) take_back(child);
      table_.set_state(child, BlockedState{culprit});
      next.push_back(child);
    }
  }
}

ReportOutcome Scheduler::count_stale() {
  ++stale_reports_;
  return ReportOutcome::stale;
}

Result<> Scheduler::check_invariants() const {
  VLSWEEP_CHECK_OK(table_.check());
  VLSWEEP_CHECK_OK(ranks_.check());
  std::uint64_t held = 0;
  for (std::uint32_t stage = 0; stage < table_.size(); ++stage) {
    const std::optional<Holder> holder = held_by(stage);
    if (!holder) continue;
    held += members_of(stage).size();
    if (!ranks_.alive(holder->rank) || holder->attempt != table_.attempts(stage))
      return fail(Errc::internal, "stage " + std::to_string(stage) + " is held by nobody");
  }
  std::uint64_t queued = 0;
  for (std::uint32_t rank = 0; rank < ranks_.end(); ++rank) {
    if (!ranks_.alive(rank)) continue;
    for (const RankTable::Entry& entry : ranks_.queue(rank)) {
      ++queued;
      if (!takes_part(rank, entry.stage))
        return fail(Errc::internal, "rank " + std::to_string(rank) + " queues another's stage");
    }
  }
  if (held != queued) return fail(Errc::internal, "a stage is held but in no queue, or twice");
  return {};
}

}  // namespace vlsweep
