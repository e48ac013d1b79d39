// An agent in a thread, served by the test: the test is its coordinator. The trainer is
// fake_trainer, a real process.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "orchestrator/protocol/batch.h"
#include "orchestrator/protocol/transport.h"
#include "storage/store.h"
#include "worker/agent/agent.h"

namespace vlsweep {

// Two queues in one process. The agent's thread uses the Transport, the test's thread the rest.
class TestTransport final : public Transport {
 public:
  std::uint32_t rank() const override { return 1; }
  std::uint32_t size() const override { return 2; }
  std::optional<Envelope> poll(std::chrono::microseconds timeout) override;
  void send(std::uint32_t rank, std::string bytes) override;
  std::size_t backlog(std::uint32_t) const override { return 0; }
  void forget(std::uint32_t) override {}
  void leave(int exit_status, Ending ending) override;

  void tell(const ToAgent& message);
  // The agent's next message; nothing if none comes in time.
  std::optional<ToCoordinator> hear(std::chrono::milliseconds timeout);
  std::optional<Ending> ending();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> to_agent_;
  std::deque<ToCoordinator> to_coordinator_;
  std::optional<Ending> ending_;
};

// Waits until `condition` holds; false after `limit`.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(20));
// Whether a process runs (a zombie does not).
bool is_alive(pid_t pid);

class AgentFixture : public testing::Test {
 protected:
  AgentFixture();
  ~AgentFixture() override;

  // Starts the agent with `options_` and welcomes it; what it said in its Hello.
  Hello start(std::uint32_t silence_ms = 60'000);
  // Tells it to shut down (if it has not ended) and waits; its exit status.
  int stop(bool orderly = true);

  // An assignment with a key of its own.
  Assignment make(std::uint32_t stage, StageKind kind, const std::string& spec,
                  std::vector<Key> parents = {});
  void assign(std::vector<Assignment> stages) { transport_.tell(Assign{std::move(stages)}); }
  void cancel(const Assignment& a) { transport_.tell(Cancel{a.stage, a.attempt}); }

  // The next message that is a T, others being passed over (heartbeats, progress).
  template <class T>
  T await();
  // The stage's end, whatever it is.
  std::variant<Finished, Failed> await_end(std::uint32_t stage);
  Finished await_finished(std::uint32_t stage);
  Failed await_failed(std::uint32_t stage);
  // The trainer's pid, as the kernel lists this process's children.
  std::vector<pid_t> trainers() const;

  std::filesystem::path folder_;
  Store store_ = Store::at({});
  AgentOptions options_;
  TestTransport transport_;
  std::thread thread_;
  std::optional<int> status_;
};

template <class T>
T AgentFixture::await() {
  while (auto message = transport_.hear(std::chrono::seconds(20)))
    if (T* found = std::get_if<T>(&*message)) return std::move(*found);
  ADD_FAILURE() << "the agent did not say what it should";
  return T{};
}

}  // namespace vlsweep
