// Which stage next, for which rank. Runs once for many events, in take_orders().
#include <algorithm>
#include <limits>
#include <utility>

#include "orchestrator/scheduler/scheduler.h"

namespace vlsweep {
namespace {

// How many children of a stage are looked at for one to chain behind it: enough for the suites of a
// checkpoint, little enough for a stage with a million children.
constexpr std::size_t kMostChildrenSeen = 128;

// Judging takes moments and its responses were just written: it travels with them.
bool travels_along(StageKind kind) {
  return kind == StageKind::judge || kind == StageKind::compare;
}
constexpr float kLongestFollowerS = 2;

}  // namespace

std::vector<Order> Scheduler::take_orders() {
  if (!stopped_ && num_ranks() > 0) {
    refresh_costs();
    place_gangs(false);
    if (counts().ready > 0)
      fill_all({ranks_.idle().begin(), ranks_.idle().end()}, RankTable::Depth::begin);
    fill_all({ranks_.short_of_work().begin(), ranks_.short_of_work().end()},
             RankTable::Depth::prefetch);
    place_gangs(true);
    if (counts().ready == 0) share_work();
  }
  return std::exchange(orders_, {});
}

void Scheduler::refresh_costs() {
  if (!costs_.refresh_due()) return;
  costs_.refresh();
  table_.predict(costs_);
  ready_.reorder();
}

// Everybody gets a share before anybody gets more. With nothing ready there is nothing to share: a
// rank's queue can only be continued by what waits for its own stages.
void Scheduler::fill_all(const std::vector<std::uint32_t>& ranks, RankTable::Depth depth) {
  const std::uint64_t share = counts().ready == 0
                                  ? std::numeric_limits<std::uint64_t>::max()
                                  : std::max<std::uint64_t>(1, counts().ready / num_ranks());
  for (const std::uint32_t rank : ranks) fill(rank, share, depth);
}

void Scheduler::fill(std::uint32_t rank, std::uint64_t share, RankTable::Depth depth) {
  for (std::uint64_t given = 0; given < share && ranks_.wants_more(rank, depth); ++given) {
    const std::optional<std::uint32_t> stage = choose(rank);
    if (!stage) return;
    assign(rank, *stage);
    assign_followers(rank, *stage);
  }
}

std::optional<std::uint32_t> Scheduler::choose(std::uint32_t rank) {
  const std::optional<std::uint32_t> stage = choose_alone(rank);
  if (!stage || !has_gangs_ || may_begin_before_gang(rank, *stage)) return stage;
  return std::nullopt;
}

std::optional<std::uint32_t> Scheduler::choose_alone(std::uint32_t rank) {
  if (const std::optional<std::uint32_t> reserved = ranks_.reserved_for(rank)) {
    const bool wanted = table_.ready(*reserved);
    if (wanted && !ranks_.fits(rank, table_.stage(*reserved).resources)) return std::nullopt;
    ranks_.release_host(rank);
    if (wanted) return reserved;
  }
  const std::optional<std::uint32_t> near = best_near(rank);
  const std::optional<std::uint32_t> far = best_far(rank);
  if (near && (!far || residency_is_free(*near, *far))) return near;
  if (!far || ranks_.fits(rank, table_.stage(*far).resources)) return far;
  // The host is kept free for it, so that wide stages are not starved by narrow ones.
  ranks_.reserve_host(rank, *far);
  return std::nullopt;
}

// As long as the longest path, begun after `near`, still fits into the time that all the other work
// takes anyway, nothing is lost by doing first what needs no model loaded.
bool Scheduler::residency_is_free(std::uint32_t near, std::uint32_t far) const {
  return table_.longest_path(near) >= table_.longest_path(far) ||
         table_.longest_path(far) + table_.cost(near) <= table_.remaining_s() / num_ranks();
}

// The best stage that needs what the rank has warm: a ready one, or one that will be when the
// rank's queue is done.
std::optional<std::uint32_t> Scheduler::best_near(std::uint32_t rank) {
  std::optional<std::uint32_t> best;
  const auto offer = [&](std::optional<std::uint32_t> stage) {
    if (stage && ranks_.fits(rank, table_.stage(*stage).resources) &&
        (!best || table_.before(*stage, *best)))
      best = stage;
  };
  for (const std::uint32_t group : ranks_.warm(rank)) {
    if (group == kNoGroup) continue;
    offer(ready_.top_of_group(group));
    if (group >= table_.size()) continue;
    const std::optional<Holder> holder = held_by(group);
    if (holder && holder->rank == rank) offer(best_chained(rank, group));
  }
  return best;
}

std::optional<std::uint32_t> Scheduler::best_chained(std::uint32_t rank,
                                                     std::uint32_t parent) const {
  std::optional<std::uint32_t> best;
  const auto children = table_.children(parent);
  for (const std::uint32_t child : children.first(std::min(children.size(), kMostChildrenSeen)))
    if (can_follow(child, rank) && (!best || table_.before(child, *best))) best = child;
  return best;
}

// Waits only for stages that stand in this rank's queue, and may run on this rank.
bool Scheduler::can_follow(std::uint32_t stage, std::uint32_t rank) const {
  if (!std::holds_alternative<WaitingState>(table_.state(stage)) ||
      !ranks_.fits(rank, table_.stage(stage).resources))
    return false;
  return std::ranges::all_of(table_.stage(stage).parents, [&](std::uint32_t parent) {
    const std::optional<Holder> holder = held_by(parent);
    return is_good(table_.state(parent)) || (holder && holder->rank == rank);
  });
}

// The best ready stage of all that the rank may run: its host may have no room for it now, but then
// no other host is being kept free for it.
std::optional<std::uint32_t> Scheduler::best_far(std::uint32_t rank) {
  std::optional<std::uint32_t> best;
  for (std::size_t demand = 0; demand < ready_.num_demands(); ++demand) {
    if (!ranks_.suits(rank, ready_.demand(demand))) continue;
    const std::optional<std::uint32_t> stage = ready_.top(demand);
    if (!stage || (best && table_.before(*best, *stage))) continue;
    if (ranks_.fits(rank, ready_.demand(demand)) || !ranks_.has_reservation(*stage)) best = stage;
  }
  return best;
}

void Scheduler::assign(std::uint32_t rank, std::uint32_t stage) {
  const std::uint32_t attempt = table_.next_attempt(stage);
  table_.set_state(stage, AssignedState{rank, attempt});
  ranks_.append(rank, stage, table_.stage(stage).resources, table_.cost(stage));
  orders_.push_back({Order::Action::assign, rank, stage, attempt});
  const StageKind kind = table_.stage(stage).kind;
  if (!travels_along(kind)) ranks_.touch(rank, ready_.group(stage));
  if (leaves_a_model(kind)) ranks_.touch(rank, stage);
}

void Scheduler::assign_followers(std::uint32_t rank, std::uint32_t stage) {
  const auto children = table_.children(stage);
  for (const std::uint32_t child : children.first(std::min(children.size(), kMostChildrenSeen)))
    if (travels_along(table_.stage(child).kind) && table_.cost(child) <= kLongestFollowerS &&
        can_follow(child, rank))
      assign(rank, child);
}

// With nothing ready, ranks with nothing to do take over from those with much.
void Scheduler::share_work() {
  const std::vector<std::uint32_t> idle(ranks_.idle().begin(), ranks_.idle().end());
  for (const std::uint32_t rank : idle)
    if (take_over_for(rank)) fill(rank, counts().ready, RankTable::Depth::begin);
}

// Takes half of what waits for nothing but its turn from the most loaded rank, last first. Returns
// whether there was anything.
bool Scheduler::take_over_for(std::uint32_t idle_rank) {
  const std::optional<std::uint32_t> from = ranks_.most_loaded(options_.least_worth_moving_s);
  if (!from) return false;
  double wanted_s = ranks_.seconds_behind(*from) / 2;
  const std::deque<RankTable::Entry> queue = ranks_.queue(*from);
  for (std::size_t i = queue.size(); i-- > 1 && wanted_s > 0;) {
    const std::uint32_t stage = queue[i].stage;
    if (!std::holds_alternative<AssignedState>(table_.state(stage)) ||
        table_.pending_parents(stage) > 0 || !ranks_.fits(idle_rank, table_.stage(stage).resources))
      continue;
    take_back(stage);
    wanted_s -= queue[i].cost_s;
  }
  return counts().ready > 0;
}

}  // namespace vlsweep
