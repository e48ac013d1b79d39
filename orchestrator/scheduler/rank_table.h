// Ranks and their hosts: what they offer, what stands in their queues, what they keep warm. A rank
// works through its queue in order; a host's cores are shared by the ranks on it.
//
// Owned by the Scheduler. Knows stages by number only.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "orchestrator/protocol/stage.h"
#include "orchestrator/scheduler/residency.h"

namespace vlsweep {

// What a rank brings when it joins. Cores are those of its host, GPUs its own.
struct RankOffer {
  std::string host;
  std::uint32_t cores = 1;
  std::uint32_t gpus = 0;
  std::uint64_t gpu_memory = 0;  // bytes; 0: not known
};

class RankTable {
 public:
  // A queue's length in stages is bounded, and so are the seconds that wait behind its first stage.
  struct Limits {
    std::uint32_t max_queue = 1024;
    double prefetch_s = 0.5;
  };
  struct Entry {
    std::uint32_t stage = 0;
    float cost_s = 0;
    std::uint16_t cores = 0;
  };

  explicit RankTable(Limits limits) : limits_(limits) {}

  void join(std::uint32_t rank, const RankOffer& offer);
  // Forgets the rank; returns what stood in its queue, in order.
  std::deque<Entry> lose(std::uint32_t rank);
  bool alive(std::uint32_t rank) const { return rank < ranks_.size() && ranks_[rank].alive; }
  std::uint32_t end() const { return static_cast<std::uint32_t>(ranks_.size()); }  // beyond all
  std::uint32_t num_alive() const { return num_alive_; }

  // Whether the rank has what the stage needs (cores beyond the host's mean the whole host), and
  // whether the host has it free now. Alone: not for a gang.
  bool suits(std::uint32_t rank, const Resources& needs) const;
  bool fits(std::uint32_t rank, const Resources& needs) const;
  // The same for a gang: whether the rank could be a member, and whether these idle ranks are free
  // to be one together. Members on one host share its cores.
  bool suits_member(std::uint32_t rank, const Resources& needs) const;
  bool fit_together(const std::vector<std::uint32_t>& ranks, const Resources& needs) const;

  void append(std::uint32_t rank, std::uint32_t stage, const Resources& needs, float cost_s);
  // Takes a stage out of a queue, wherever it stands: O(1) at the front.
  void remove(std::uint32_t rank, std::uint32_t stage);
  const std::deque<Entry>& queue(std::uint32_t rank) const { return ranks_[rank].queue; }
  // Seconds in a queue.
  double queued_s(std::uint32_t rank) const { return ranks_[rank].queued_s; }
  std::uint32_t host(std::uint32_t rank) const { return ranks_[rank].host; }
  // Seconds that wait behind the first stage of a queue.
  double seconds_behind(std::uint32_t rank) const;
  // Whether the queue is too short: to begin with (one stage, or a batch of small ones), or so that
  // the next one is there before the first has ended.
  enum class Depth { begin, prefetch };
  bool wants_more(std::uint32_t rank, Depth depth) const;
  // Ranks with an empty queue, and those with a short one, ascending.
  const std::set<std::uint32_t>& idle() const { return idle_; }
  const std::set<std::uint32_t>& short_of_work() const { return short_; }
  // The rank with the most seconds behind its first stage, if those are at least `least_s`.
  std::optional<std::uint32_t> most_loaded(double least_s) const;

  // Groups whose model the rank holds, or will hold at the end of its queue, latest first.
  const std::array<std::uint32_t, 2>& warm(std::uint32_t rank) const { return ranks_[rank].warm; }
  void touch(std::uint32_t rank, std::uint32_t group);

  // A stage that waits until the rank's host has room; nothing else starts there meanwhile.
  std::optional<std::uint32_t> reserved_for(std::uint32_t rank) const;
  void reserve_host(std::uint32_t rank, std::uint32_t stage);
  void release_host(std::uint32_t rank);
  bool has_reservation(std::uint32_t stage) const { return reservations_.contains(stage); }

  // Ranks that a gang waits for: others on their hosts leave them the cores they will need.
  void keep(std::vector<std::uint32_t> ranks, const Resources& needs);
  void keep_none() { kept_.clear(); }
  bool kept(std::uint32_t rank) const;

  // Recounts; an error says what does not add up (our bug).
  Result<> check() const;

 private:
  struct Host {
    std::uint32_t cores = 1;
    std::uint32_t busy_cores = 0;  // sum over its ranks of the most that an entry needs
    std::uint32_t num_ranks = 0;
    std::optional<std::uint32_t> reserved_for;
  };
  struct Rank {
    bool alive = false;
    std::uint32_t host = 0;
    std::uint32_t gpus = 0;
    std::uint64_t gpu_memory = 0;
    std::deque<Entry> queue;
    double queued_s = 0;
    std::vector<std::pair<std::uint16_t, std::uint32_t>> cores_needed;  // cores, entries
    std::uint32_t busy_cores = 0;
    std::array<std::uint32_t, 2> warm{kNoGroup, kNoGroup};
  };
  std::uint32_t host_index(const std::string& name);
  std::uint16_t cores_on(const Rank& rank, const Resources& needs) const;
  std::uint32_t cores_kept_from(std::uint32_t rank) const;
  void update(std::uint32_t rank);  // after its queue has changed
  void count_cores(Rank& rank, std::uint16_t cores, int change);

  Limits limits_;
  std::vector<Rank> ranks_;
  std::vector<Host> hosts_;
  std::unordered_map<std::string, std::uint32_t> host_by_name_;
  std::unordered_map<std::uint32_t, std::uint32_t> reservations_;  // stage -> host
  std::set<std::uint32_t> idle_, short_, loaded_;
  std::vector<std::uint32_t> kept_;
  Resources kept_for_;
  std::uint32_t num_alive_ = 0;
};

}  // namespace vlsweep
