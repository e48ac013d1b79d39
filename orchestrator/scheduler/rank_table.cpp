#include "orchestrator/scheduler/rank_table.h"

#include <algorithm>
#include <map>

namespace vlsweep {

void RankTable::join(std::uint32_t rank, const RankOffer& offer) {
  if (rank >= ranks_.size()) ranks_.resize(rank + 1);
  Rank& joined = ranks_[rank];
  joined = Rank{};
  joined.alive = true;
  joined.host = host_index(offer.host);
  joined.gpus = offer.gpus;
  joined.gpu_memory = offer.gpu_memory;
  Host& host = hosts_[joined.host];
  host.cores = std::max(host.num_ranks == 0 ? 1U : host.cores, offer.cores);
  ++host.num_ranks;
  ++num_alive_;
  update(rank);
}

std::deque<RankTable::Entry> RankTable::lose(std::uint32_t rank) {
  Rank& lost = ranks_[rank];
  Host& host = hosts_[lost.host];
  host.busy_cores -= lost.busy_cores;
  --host.num_ranks;
  release_host(rank);  // it may have been the only one that suits the stage
  std::erase(kept_, rank);
  --num_alive_;
  idle_.erase(rank);
  short_.erase(rank);
  loaded_.erase(rank);
  std::deque<Entry> queue = std::move(lost.queue);
  lost = Rank{};
  return queue;
}

std::uint32_t RankTable::host_index(const std::string& name) {
  const auto [found, is_new] =
      host_by_name_.try_emplace(name, static_cast<std::uint32_t>(hosts_.size()));
  if (is_new) hosts_.emplace_back();
  return found->second;
}

// A gang's members on one host share its cores.
std::uint16_t RankTable::cores_on(const Rank& rank, const Resources& needs) const {
  const Host& host = hosts_[rank.host];
  const std::uint32_t sharing = std::max(1U, std::min<std::uint32_t>(needs.ranks, host.num_ranks));
  return static_cast<std::uint16_t>(std::min<std::uint32_t>(needs.cores, host.cores / sharing));
}

bool RankTable::suits_member(std::uint32_t rank, const Resources& needs) const {
  const Rank& r = ranks_[rank];
  const bool memory = r.gpu_memory == 0 || needs.gpu_memory <= r.gpu_memory;
  return r.alive && needs.gpus <= r.gpus && (needs.gpus == 0 || memory);
}

bool RankTable::suits(std::uint32_t rank, const Resources& needs) const {
  return needs.ranks <= 1 && suits_member(rank, needs);
}

bool RankTable::fit_together(const std::vector<std::uint32_t>& ranks,
                             const Resources& needs) const {
  std::map<std::uint32_t, std::uint32_t> wanted;  // of each host
  for (const std::uint32_t rank : ranks) wanted[ranks_[rank].host] += cores_on(ranks_[rank], needs);
  return std::ranges::all_of(wanted, [&](const auto& of) {
    return hosts_[of.first].busy_cores + of.second <= hosts_[of.first].cores;
  });
}

void RankTable::keep(std::vector<std::uint32_t> ranks, const Resources& needs) {
  kept_ = std::move(ranks);
  kept_for_ = needs;
}

bool RankTable::kept(std::uint32_t rank) const {
  return std::ranges::find(kept_, rank) != kept_.end();
}

// Cores of the rank's host that kept ranks, itself aside, will need beyond those they use now.
std::uint32_t RankTable::cores_kept_from(std::uint32_t rank) const {
  std::uint32_t cores = 0;
  for (const std::uint32_t other : kept_) {
    if (other == rank || ranks_[other].host != ranks_[rank].host) continue;
    const std::uint32_t wanted = cores_on(ranks_[other], kept_for_);
    cores += wanted - std::min(wanted, ranks_[other].busy_cores);
  }
  return cores;
}

bool RankTable::fits(std::uint32_t rank, const Resources& needs) const {
  const Rank& r = ranks_[rank];
  const Host& host = hosts_[r.host];
  const std::uint32_t cores = std::max<std::uint32_t>(r.busy_cores, cores_on(r, needs));
  return suits(rank, needs) &&
         host.busy_cores - r.busy_cores + cores + cores_kept_from(rank) <= host.cores;
}

void RankTable::append(std::uint32_t rank, std::uint32_t stage, const Resources& needs,
                       float cost_s) {
  Rank& r = ranks_[rank];
  const std::uint16_t cores = cores_on(r, needs);
  r.queue.push_back({stage, cost_s, cores});
  r.queued_s += cost_s;
  count_cores(r, cores, 1);
  update(rank);
}

void RankTable::remove(std::uint32_t rank, std::uint32_t stage) {
  Rank& r = ranks_[rank];
  const auto found = std::find_if(r.queue.begin(), r.queue.end(),
                                  [&](const Entry& entry) { return entry.stage == stage; });
  if (found == r.queue.end()) return;
  r.queued_s = r.queue.size() == 1 ? 0 : r.queued_s - found->cost_s;
  count_cores(r, found->cores, -1);
  r.queue.erase(found);
  update(rank);
}

void RankTable::count_cores(Rank& rank, std::uint16_t cores, int change) {
  auto found = std::find_if(rank.cores_needed.begin(), rank.cores_needed.end(),
                            [&](const auto& needed) { return needed.first == cores; });
  if (found == rank.cores_needed.end()) {
    rank.cores_needed.emplace_back(cores, 0U);
    found = rank.cores_needed.end() - 1;
  }
  found->second += static_cast<std::uint32_t>(change);
  if (found->second == 0) rank.cores_needed.erase(found);
  std::uint32_t most = 0;
  for (const auto& [needed, entries] : rank.cores_needed)
    most = std::max<std::uint32_t>(most, needed);
  Host& host = hosts_[rank.host];
  host.busy_cores = host.busy_cores - rank.busy_cores + most;
  rank.busy_cores = most;
}

double RankTable::seconds_behind(std::uint32_t rank) const {
  const Rank& r = ranks_[rank];
  return r.queue.size() < 2 ? 0 : r.queued_s - r.queue.front().cost_s;
}

bool RankTable::wants_more(std::uint32_t rank, Depth depth) const {
  const Rank& r = ranks_[rank];
  const std::size_t length = r.queue.size();
  if (length >= limits_.max_queue) return false;
  return depth == Depth::begin ? length == 0 || r.queued_s < limits_.prefetch_s
                               : length < 2 || seconds_behind(rank) < limits_.prefetch_s;
}

void RankTable::update(std::uint32_t rank) {
  const std::size_t length = ranks_[rank].queue.size();
  const double behind = seconds_behind(rank);
  const auto keep = [rank](std::set<std::uint32_t>& set, bool member) {
    if (member) {
      set.insert(rank);
    } else {
      set.erase(rank);
    }
  };
  keep(idle_, length == 0);
  // Refilled from half on, so that small stages travel in batches.
  keep(short_, length == 1 || (length > 0 && length <= limits_.max_queue / 2 &&
                               behind < limits_.prefetch_s / 2));
  keep(loaded_, behind > 0);
}

std::optional<std::uint32_t> RankTable::most_loaded(double least_s) const {
  std::optional<std::uint32_t> best;
  for (const std::uint32_t rank : loaded_) {
    const double behind = seconds_behind(rank);
    if (behind >= least_s && (!best || behind > seconds_behind(*best))) best = rank;
  }
  return best;
}

void RankTable::touch(std::uint32_t rank, std::uint32_t group) {
  auto& warm = ranks_[rank].warm;
  if (group == kNoGroup || warm[0] == group) return;
  warm[1] = warm[0];
  warm[0] = group;
}

std::optional<std::uint32_t> RankTable::reserved_for(std::uint32_t rank) const {
  return hosts_[ranks_[rank].host].reserved_for;
}

void RankTable::reserve_host(std::uint32_t rank, std::uint32_t stage) {
  release_host(rank);
  hosts_[ranks_[rank].host].reserved_for = stage;
  reservations_[stage] = ranks_[rank].host;
}

void RankTable::release_host(std::uint32_t rank) {
  std::optional<std::uint32_t>& reserved = hosts_[ranks_[rank].host].reserved_for;
  if (reserved) reservations_.erase(*reserved);
  reserved.reset();
}

Result<> RankTable::check() const {
  std::vector<std::uint32_t> busy(hosts_.size(), 0);
  for (std::uint32_t rank = 0; rank < ranks_.size(); ++rank) {
    const Rank& r = ranks_[rank];
    if (!r.alive) continue;
    std::uint32_t most = 0;
    for (const Entry& entry : r.queue) most = std::max<std::uint32_t>(most, entry.cores);
    busy[r.host] += most;
    if (most != r.busy_cores || idle_.contains(rank) != r.queue.empty())
      return fail(Errc::internal, "rank " + std::to_string(rank) + " miscounts its queue");
  }
  for (std::size_t host = 0; host < hosts_.size(); ++host)
    if (busy[host] != hosts_[host].busy_cores || busy[host] > hosts_[host].cores)
      return fail(Errc::internal, "host " + std::to_string(host) + " gives out cores it has not");
  return {};
}

}  // namespace vlsweep
