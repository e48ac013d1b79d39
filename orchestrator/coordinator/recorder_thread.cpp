#include "orchestrator/coordinator/recorder_thread.h"

#include <chrono>
#include <utility>

#include "orchestrator/base/log.h"

namespace vlsweep {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds kCheckpointEvery{3};
constexpr std::chrono::seconds kRetryAfter{1};
// Live reports beyond this are dropped: a page that is seconds behind gains nothing from them.
constexpr std::size_t kMostLive = 10'000;
constexpr int kLastAttempts = 2;

}  // namespace

RecorderThread::RecorderThread(Recorder& recorder, std::uint64_t recorded)
    : recorder_(recorder),
      skip_(recorded),
      next_(recorded + 1),
      thread_([this](std::stop_token stop) { run(std::move(stop)); }) {}

RecorderThread::~RecorderThread() { thread_.request_stop(); }

void RecorderThread::accept(Event&& event) {
  if (skip_ > 0) {
    --skip_;
  } else {
    events_.push_back(std::move(event));
  }
}

void RecorderThread::push(std::vector<Event> events) {
  const std::scoped_lock lock(mutex_);
  for (Event& event : events) accept(std::move(event));
  wake_.notify_one();
}

void RecorderThread::push(Event event) {
  const std::scoped_lock lock(mutex_);
  accept(std::move(event));
  wake_.notify_one();
}

void RecorderThread::push_live(std::vector<LiveReport> reports) {
  const std::scoped_lock lock(mutex_);
  for (LiveReport& report : reports)
    if (live_.size() < kMostLive) live_.push_back(std::move(report));
  wake_.notify_one();
}

void RecorderThread::wait_below(std::size_t most) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return failing_ || events_.size() < most; });
}

void RecorderThread::close() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

bool RecorderThread::record(std::vector<Event>& events) {
  const Result<> recorded = events.empty() ? Result<>() : recorder_.record(next_, events);
  if (recorded) {
    next_ += events.size();
    events.clear();
  } else {
    log_event(Level::error, "recorder_failed",
              {{"events", static_cast<std::int64_t>(events.size())},
               {"reason", recorded.error().text()}});
  }
  const std::scoped_lock lock(mutex_);
  failing_ = !recorded;
  room_.notify_all();
  return recorded.has_value();
}

void RecorderThread::run(std::stop_token stop) {
  std::vector<Event> events;  // taken, not recorded yet
  auto checkpoint_at = steady_clock::now() + kCheckpointEvery;
  int failures_at_close = 0;
  while (!stop.stop_requested()) {
    std::vector<LiveReport> live;
    bool closing = false;
    bool last = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, events.empty() ? kCheckpointEvery : kRetryAfter, [&] {
        return closing_ || (events.empty() && !(events_.empty() && live_.empty()));
      });
      if (events.empty()) events = std::exchange(events_, {});
      live = std::exchange(live_, {});
      closing = closing_;
      last = closing_ && events_.empty();
      room_.notify_all();
    }
    if (!record(events) && closing && ++failures_at_close >= kLastAttempts) return;
    if (!live.empty() && events.empty()) recorder_.live(live);
    if (last && events.empty()) return recorder_.checkpoint();
    if (steady_clock::now() < checkpoint_at) continue;
    checkpoint_at = steady_clock::now() + kCheckpointEvery;
    recorder_.checkpoint();
  }
}

}  // namespace vlsweep
