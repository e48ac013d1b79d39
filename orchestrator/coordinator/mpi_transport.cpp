// The transport over MPI: the only file that includes mpi.h. Written for a world in which ranks die
// (Open MPI 4 with --enable-recovery): no collective after MPI_Init, no blocking send or receive,
// no wait for a request; a rank that died costs its own messages and nothing else.
#include <mpi.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "orchestrator/protocol/backoff.h"
#include "orchestrator/protocol/transport.h"

namespace vlsweep {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

constexpr int kTag = 1;
// Sends to one rank at a time: what is queued meanwhile is joined and leaves as one.
constexpr std::size_t kSendsUnderWay = 4;
constexpr std::size_t kJoinUpTo = 1 << 20;
constexpr std::chrono::seconds kLastWords{1};  // for queued payloads to leave
constexpr std::chrono::seconds kFinalizeIn{5};

// A payload on its way out or in, whose buffer MPI holds.
struct Transfer {
  std::uint32_t peer = 0;
  std::string bytes;
  MPI_Request request = MPI_REQUEST_NULL;

  bool done() {
    int flag = 0;
    return request == MPI_REQUEST_NULL ||
           (MPI_Test(&request, &flag, MPI_STATUS_IGNORE) == MPI_SUCCESS && flag != 0);
  }
};

void pause_for(microseconds pause) {
  const timespec time{0, static_cast<long>(pause.count()) * 1000};
  ::nanosleep(&time, nullptr);
}

class MpiTransport final : public Transport {
 public:
  MpiTransport(int rank, int size)
      : rank_(static_cast<std::uint32_t>(rank)),
        size_(static_cast<std::uint32_t>(size)),
        peers_(static_cast<std::size_t>(size)) {}

  std::uint32_t rank() const override { return rank_; }
  std::uint32_t size() const override { return size_; }
  std::optional<Envelope> poll(microseconds timeout) override;
  void send(std::uint32_t rank, std::string bytes) override;
  std::size_t backlog(std::uint32_t rank) const override;
  void forget(std::uint32_t rank) override;
  void leave(int exit_status, Ending ending) override;

 private:
  struct Peer {
    std::deque<std::string> queued;
    std::list<Transfer> under_way;
  };

  bool move_on();  // sends; whether anything is still queued or under way
  bool move_on(std::uint32_t rank);
  void accept_arrivals();
  std::optional<Envelope> take_arrived();

  std::uint32_t rank_;
  std::uint32_t size_;
  std::vector<Peer> peers_;
  std::vector<std::uint32_t> busy_;  // peers with something queued or under way
  std::list<Transfer> arriving_;     // in the order of their sending, for each sender
  std::list<Transfer> abandoned_;    // MPI may still hold these buffers
  Backoff backoff_;
};

void MpiTransport::send(std::uint32_t rank, std::string bytes) {
  if (rank >= size_ || rank == rank_ || bytes.empty()) return;
  std::deque<std::string>& queued = peers_[rank].queued;
  if (!queued.empty() && queued.back().size() + bytes.size() <= kJoinUpTo) {
    queued.back() += bytes;
  } else {
    queued.push_back(std::move(bytes));
  }
  if (std::ranges::find(busy_, rank) == busy_.end()) busy_.push_back(rank);
  move_on(rank);
}

bool MpiTransport::move_on(std::uint32_t rank) {
  Peer& peer = peers_[rank];
  std::erase_if(peer.under_way, [](Transfer& transfer) { return transfer.done(); });
  while (!peer.queued.empty() && peer.under_way.size() < kSendsUnderWay) {
    Transfer& transfer = peer.under_way.emplace_back();
    transfer.peer = rank;
    transfer.bytes = std::move(peer.queued.front());
    peer.queued.pop_front();
    MPI_Isend(transfer.bytes.data(), static_cast<int>(transfer.bytes.size()), MPI_BYTE,
              static_cast<int>(rank), kTag, MPI_COMM_WORLD, &transfer.request);
  }
  return !peer.under_way.empty() || !peer.queued.empty();
}

bool MpiTransport::move_on() {
  std::erase_if(busy_, [this](std::uint32_t rank) { return !move_on(rank); });
  return !busy_.empty();
}

std::size_t MpiTransport::backlog(std::uint32_t rank) const {
  std::size_t bytes = 0;
  for (const std::string& payload : peers_[rank].queued) bytes += payload.size();
  for (const Transfer& transfer : peers_[rank].under_way) bytes += transfer.bytes.size();
  return bytes;
}

// Receives are posted, not waited for: a sender may die in the middle of a large payload. A probe
// that finds nothing makes Open MPI look at the network, for the next probe to see: so only the
// second one in vain means that nothing is there. (Without it, a rank that was stopped and goes on
// would first find no word of the coordinator, and give it up.)
void MpiTransport::accept_arrivals() {
  for (int in_vain = 0; in_vain < 2;) {
    int flag = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    if (MPI_Improbe(MPI_ANY_SOURCE, kTag, MPI_COMM_WORLD, &flag, &message, &status) !=
            MPI_SUCCESS ||
        flag == 0) {
      ++in_vain;
      continue;
    }
    in_vain = 0;
    int size = 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    Transfer& transfer = arriving_.emplace_back();
    transfer.peer = static_cast<std::uint32_t>(status.MPI_SOURCE);
    transfer.bytes.resize(static_cast<std::size_t>(std::max(size, 0)));
    MPI_Imrecv(transfer.bytes.data(), size, MPI_BYTE, &message, &transfer.request);
  }
}

// The first payload that has arrived whole and has no earlier one of its sender before it.
std::optional<Envelope> MpiTransport::take_arrived() {
  std::vector<std::uint32_t> held_up;
  for (auto transfer = arriving_.begin(); transfer != arriving_.end(); ++transfer) {
    if (std::ranges::find(held_up, transfer->peer) != held_up.end()) continue;
    if (!transfer->done()) {
      held_up.push_back(transfer->peer);
      continue;
    }
    Envelope envelope{transfer->peer, std::move(transfer->bytes)};
    arriving_.erase(transfer);
    return envelope;
  }
  return std::nullopt;
}

std::optional<Envelope> MpiTransport::poll(microseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  for (;;) {
    move_on();
    accept_arrivals();
    if (std::optional<Envelope> envelope = take_arrived()) {
      backoff_.reset();
      return envelope;
    }
    const auto left = std::chrono::duration_cast<microseconds>(deadline - steady_clock::now());
    if (left <= microseconds(0)) return std::nullopt;
    pause_for(backoff_.next(std::min(left, Backoff::kLongest)));
  }
}

void MpiTransport::forget(std::uint32_t rank) {
  if (rank >= size_) return;
  Peer& peer = peers_[rank];
  peer.queued.clear();
  abandoned_.splice(abandoned_.end(), peer.under_way);
  std::erase(busy_, rank);
  for (auto transfer = arriving_.begin(); transfer != arriving_.end();) {
    const auto next = std::next(transfer);
    if (transfer->peer == rank) abandoned_.splice(abandoned_.end(), arriving_, transfer);
    transfer = next;
  }
}

void MpiTransport::leave(int exit_status, Ending ending) {
  const auto deadline = steady_clock::now() + kLastWords;
  while (move_on() && steady_clock::now() < deadline) pause_for(microseconds(100));
  if (ending == Ending::abrupt || !busy_.empty()) ::_exit(exit_status);
  // MPI_Finalize waits for the others; one of them may die just now.
  std::jthread watchdog([exit_status](std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, kFinalizeIn, [] { return false; });
    if (!stop.stop_requested()) ::_exit(exit_status);
  });
  MPI_Finalize();
}

}  // namespace

Result<std::unique_ptr<Transport>> make_mpi_transport(int argc, char** argv) {
  // The recorder's thread runs beside us but never calls MPI.
  int provided = 0;
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
    return fail(Errc::unavailable, "MPI does not start (is Open MPI installed on this machine?)");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  int rank = 0;
  int size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return std::make_unique<MpiTransport>(rank, size);
}

}  // namespace vlsweep
