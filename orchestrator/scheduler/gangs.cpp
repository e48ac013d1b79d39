// Stages for several ranks at once. The rule: a gang waits its turn by the longest path, like any
// stage. If enough idle ranks are there when its turn comes, it gets them, those of one host if
// they can be had. If not, it gathers: as many ranks as it needs, those that will be free soonest,
// are kept for it, and no other stage is given their hosts' cores that it will need. So every rank
// that is freed brings it nearer, and it cannot be starved. Meanwhile a kept rank still does other
// stages, as long as all that it is given ends, as predicted, before the last of the kept ranks was
// going to be free: filling the gap so does not delay the gang, and since that moment is fixed when
// the gathering begins, the filling ends. One gang gathers at a time.
#include <algorithm>
#include <map>
#include <utility>

#include "orchestrator/scheduler/scheduler.h"

namespace vlsweep {
namespace {

// What a stage takes at least of the time that a kept rank may spend on others: even stages that
// cost nothing must not keep it busy for ever.
constexpr double kLeastS = 0.05;

}  // namespace

// Before the other stages are given out it is the turn of gangs that go before all of them;
// afterwards of any that the idle ranks suffice for.
void Scheduler::place_gangs(bool after_others) {
  if (!has_gangs_) return;
  while (true) {
    if (gathering_ && !table_.ready(gathering_->stage)) stop_gathering();
    const std::optional<std::uint32_t> gang = gathering_ ? gathering_->stage : best_gang();
    if (!gang) return;
    const bool its_turn = gathering_ || goes_before_all_others(*gang);
    if (!its_turn && !after_others) return;
    const std::vector<std::uint32_t> members = free_members(*gang);
    if (members.empty()) {
      if (its_turn && !gathering_) gather(*gang);
      return;
    }
    stop_gathering();
    assign_gang(*gang, members);
  }
}

// The best ready gang that there are ranks for.
std::optional<std::uint32_t> Scheduler::best_gang() {
  std::optional<std::uint32_t> best;
  for (std::size_t demand = 0; demand < ready_.num_demands(); ++demand) {
    const Resources& needs = ready_.demand(demand);
    if (needs.ranks <= 1) continue;
    const std::optional<std::uint32_t> stage = ready_.top(demand);
    if (stage && (!best || table_.before(*stage, *best)) && candidates(needs).size() >= needs.ranks)
      best = stage;
  }
  return best;
}

bool Scheduler::goes_before_all_others(std::uint32_t gang) {
  for (std::size_t demand = 0; demand < ready_.num_demands(); ++demand) {
    if (ready_.demand(demand).ranks > 1) continue;
    const std::optional<std::uint32_t> other = ready_.top(demand);
    if (other && table_.before(*other, gang)) return false;
  }
  return true;
}

// All ranks that could take part.
std::vector<std::uint32_t> Scheduler::candidates(const Resources& needs) const {
  std::vector<std::uint32_t> found;
  for (std::uint32_t rank = 0; rank < ranks_.end(); ++rank)
    if (ranks_.alive(rank) && ranks_.suits_member(rank, needs)) found.push_back(rank);
  return found;
}

// The `count` ranks that are free soonest: of one host, if one has so many; in ascending order.
std::vector<std::uint32_t> Scheduler::pick(std::vector<std::uint32_t> from,
                                           std::uint32_t count) const {
  if (from.size() < count) return {};
  const auto sooner = [this](std::uint32_t a, std::uint32_t b) {
    return std::pair(ranks_.queued_s(a), a) < std::pair(ranks_.queued_s(b), b);
  };
  std::ranges::sort(from, sooner);
  std::map<std::uint32_t, std::vector<std::uint32_t>> by_host;
  std::vector<std::uint32_t> picked;
  for (const std::uint32_t rank : from) {
    std::vector<std::uint32_t>& here = by_host[ranks_.host(rank)];
    here.push_back(rank);
    // The first host to have enough is the one whose last is free soonest.
    if (here.size() == count) {
      picked = here;
      break;
    }
  }
  if (picked.empty()) picked.assign(from.begin(), from.begin() + count);
  std::ranges::sort(picked);
  return picked;
}

// Idle ranks for the whole gang, or none. A host that is kept free for a wide stage is passed over
// unless the gang has waited for it.
std::vector<std::uint32_t> Scheduler::free_members(std::uint32_t gang) const {
  const Resources& needs = table_.stage(gang).resources;
  std::vector<std::uint32_t> idle = candidates(needs);
  std::erase_if(idle, [&](std::uint32_t rank) {
    const bool elsewhere = gathering_ ? !ranks_.kept(rank) : ranks_.reserved_for(rank).has_value();
    return elsewhere || !ranks_.queue(rank).empty();
  });
  std::vector<std::uint32_t> members = pick(std::move(idle), needs.ranks);
  if (!ranks_.fit_together(members, needs)) members.clear();
  return members;
}

void Scheduler::gather(std::uint32_t gang) {
  const Resources& needs = table_.stage(gang).resources;
  const std::vector<std::uint32_t> members = pick(candidates(needs), needs.ranks);
  double complete_s = 0;
  for (const std::uint32_t rank : members) complete_s = std::max(complete_s, ranks_.queued_s(rank));
  gathering_.emplace(Gathering{gang, {}});
  for (const std::uint32_t rank : members)
    gathering_->spare_s[rank] = complete_s - ranks_.queued_s(rank);
  ranks_.keep(members, needs);
}

void Scheduler::stop_gathering() {
  gathering_.reset();
  ranks_.keep_none();
}

// Whether a stage that is next for a rank may be given to it while a gang waits.
bool Scheduler::may_begin_before_gang(std::uint32_t rank, std::uint32_t stage) {
  if (!gathering_) {
    const std::optional<std::uint32_t> gang = best_gang();
    if (!gang || table_.before(stage, *gang)) return true;
    gather(*gang);
    if (!ranks_.fits(rank, table_.stage(stage).resources)) return false;
  }
  const auto spare = gathering_->spare_s.find(rank);
  if (spare == gathering_->spare_s.end()) return true;
  const double cost = std::max<double>(table_.cost(stage), kLeastS);
  if (cost > spare->second) return false;
  spare->second -= cost;
  return true;
}

void Scheduler::assign_gang(std::uint32_t stage, const std::vector<std::uint32_t>& members) {
  const std::uint32_t attempt = table_.next_attempt(stage);
  table_.set_state(stage, AssignedState{members.front(), attempt});
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    ranks_.append(members[i], stage, table_.stage(stage).resources, table_.cost(stage));
    ranks_.touch(members[i], ready_.group(stage));
    orders_.push_back({Order::Action::assign, members[i], stage, attempt, i,
                       static_cast<std::uint32_t>(members.size())});
  }
  if (leaves_a_model(table_.stage(stage).kind)) ranks_.touch(members.front(), stage);
  gangs_[stage] = members;
}

}  // namespace vlsweep
