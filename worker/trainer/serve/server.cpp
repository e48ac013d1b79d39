#include "worker/trainer/serve/server.h"

#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "orchestrator/base/log.h"
#include "worker/frame/frame.h"
#include "worker/trainer/serve/report.h"

namespace vlsweep {
namespace {

using Json = nlohmann::json;

struct AttemptId {
  std::uint32_t stage = 0, attempt = 0;
  bool operator==(const AttemptId&) const = default;
};

// A request that could not be read is answered in its turn like any other.
struct Unreadable {
  AttemptId id;
  Error error;
};
using Job = std::variant<StageRequest, Unreadable>;

AttemptId id_of(const Job& job) {
  if (const auto* request = std::get_if<StageRequest>(&job))
    return {request->stage, request->attempt};
  return std::get<Unreadable>(job).id;
}

std::uint32_t number_or_zero(const Json& message, const char* name) {
  const auto found = message.find(name);
  return found != message.end() && found->is_number_unsigned() &&
                 found->get<std::uint64_t>() <= UINT32_MAX
             ? found->get<std::uint32_t>()
             : 0;
}

AttemptId id_of_message(const Json& message) {
  return {number_or_zero(message, "stage"), number_or_zero(message, "attempt")};
}

// The stages that wait and what has become of them. Any thread.
class Queue {
 public:
  void add(Job job) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(job), false});
    changed_.notify_one();
  }
  // Stops the running stage if it is this one; one that waits is marked and answered in its turn.
  void cancel(AttemptId id) {
    const std::lock_guard lock(mutex_);
    if (running_ == id) cancelled_ = true;
    for (Waiting& each : waiting_)
      if (id_of(each.job) == id) each.cancelled = true;
  }
  // Stops all; `error` says why if it was not a proper end.
  void close(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    closed_ = cancelled_ = true;
    if (!error_) error_ = std::move(error);
    changed_.notify_one();
  }
  // The next job, which is running from now on; empty once closed.
  std::optional<Job> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (closed_) return std::nullopt;
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    running_ = id_of(next.job);
    cancelled_ = next.cancelled;
    return std::move(next.job);
  }
  void finished() {
    const std::lock_guard lock(mutex_);
    running_.reset();
  }
  const std::atomic<bool>& cancelled() const { return cancelled_; }
  std::optional<Error> error() const {
    const std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  struct Waiting {
    Job job;
    bool cancelled;
  };
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  std::optional<AttemptId> running_;
  std::optional<Error> error_;
  bool closed_ = false;
  std::atomic<bool> cancelled_ = false;  // of the running stage
};

// False ends the service.
bool accept_message(const Json& message, Queue& queue) {
  const auto type = message.is_object() ? message.value("type", Json()) : Json();
  if (type == "exit") return false;
  if (type == "cancel") {
    queue.cancel(id_of_message(message));
  } else if (type == "run") {
    if (auto request = read_request(message))
      queue.add(std::move(*request));
    else
      queue.add(Unreadable{id_of_message(message), request.error()});
  } else {
    log_event(Level::warning, "message_ignored", {{"type", std::string_view(type.dump())}});
  }
  return true;
}

void read_frames(int fd, Queue& queue) {
  FrameReader reader(fd);
  while (true) {
    const auto read = reader.read();
    if (!read) return queue.close(read.error());
    if (read->state == FrameReader::State::end) return queue.close(std::nullopt);
    if (!accept_message(read->message, queue)) return queue.close(std::nullopt);
  }
}

Result<> answer(const Job& job, StageRunner& runner, const Queue& queue, int fd) {
  const AttemptId id = id_of(job);
  if (queue.cancelled())
    return write_frame(fd, failed_message(id.stage, id.attempt,
                                          {Errc::cancelled, "cancelled before it began", ""}));
  if (const auto* unreadable = std::get_if<Unreadable>(&job))
    return write_frame(fd, failed_message(id.stage, id.attempt, unreadable->error));
  const auto& request = std::get<StageRequest>(job);
  VLSWEEP_CHECK_OK(write_frame(fd, started_message(request)));
  Result<> sent;
  const auto send = [&](const Json& message) {
    if (sent) sent = write_frame(fd, message);
  };
  ReportSink sink(request, send, queue.cancelled());
  const auto outcome = runner.run(request, sink);
  sink.flush();
  send(outcome ? done_message(request, *outcome)
               : failed_message(id.stage, id.attempt, outcome.error()));
  return sent;
}

}  // namespace

Result<> serve(int fd, StageRunner& runner) {
  VLSWEEP_CHECK_OK(write_frame(fd, ready_message(runner.facts())));
  Queue queue;
  const std::jthread reader([&] { read_frames(fd, queue); });
  Result<> status;
  while (const std::optional<Job> job = queue.take()) {
    status = answer(*job, runner, queue, fd);
    queue.finished();
    if (!status) break;
  }
  ::shutdown(fd, SHUT_RDWR);  // ends the reader if it still waits
  // A peer that is gone is how a service ends.
  if (!status && status.error().code != Errc::unavailable) return status;
  if (const auto error = queue.error()) return std::unexpected(*error);
  return {};
}

}  // namespace vlsweep
