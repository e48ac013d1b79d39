// What carries messages between the coordinator (rank 0) and the agents (ranks 1..size-1): MPI
// today, TCP for joined allocations, a simulated network in tests. No mpi.h here.
//
// A payload is a batch of messages (see batch.h). Payloads between two ranks arrive whole, once and
// in order, or not at all once a peer is dead; a transport may join several payloads for one rank
// into one, since joined batches are a batch. A dead peer is never reported: its silence tells.
//
// A transport belongs to one thread, the one that made it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct Envelope {
  std::uint32_t from = 0;
  std::string bytes;
};

// How a process takes its leave: `abrupt` where a peer was lost, so that nobody waits for it.
enum class Ending { orderly, abrupt };

class Transport {
 public:
  virtual ~Transport() = default;
  virtual std::uint32_t rank() const = 0;
  virtual std::uint32_t size() const = 0;

  // The next payload. Without one: waits up to `timeout` (0: looks once), sleeping in between with
  // a back-off, then nullopt. Also moves queued payloads on, so it is called often by everyone.
  virtual std::optional<Envelope> poll(std::chrono::microseconds timeout) = 0;

  // Queues a payload; returns at once, keeps the bytes until they have left.
  virtual void send(std::uint32_t rank, std::string bytes) = 0;

  // Bytes queued for a rank and not yet handed over: what a sender looks at before queueing more.
  virtual std::size_t backlog(std::uint32_t rank) const = 0;

  // The rank is taken for lost: what is queued for it is dropped, what is under way is never waited
  // for. A later send() to it starts afresh (a rank that was stopped and came back).
  virtual void forget(std::uint32_t rank) = 0;

  // The last call: gives queued payloads up to a second to leave, then ends the transport. If the
  // ending is abrupt, or the peers do not end within a few seconds, the process ends in here with
  // `exit_status` (_exit: nothing else runs); so everything durable is durable before this call.
  virtual void leave(int exit_status, Ending ending) = 0;
};

// MPI_COMM_WORLD of the mpirun that started this process; `unavailable` if there is none (started
// without mpirun counts as a world of one). Call once in a process, before threads are started.
Result<std::unique_ptr<Transport>> make_mpi_transport(int argc, char** argv);

}  // namespace vlsweep
