#include "tests/coordinator/noop_agent.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "orchestrator/protocol/batch.h"

namespace vlsweep::testing {

NoopAgent::NoopAgent(Transport& transport, NoopAgentOptions options)
    : transport_(transport), options_(std::move(options)) {
  say_hello();
}

void NoopAgent::say_hello() {
  Hello& hello = std::get<Hello>(outgoing_.emplace_back(std::in_place_type<Hello>));
  hello.host = options_.host;
  hello.pid = ::getpid();
  hello.cores = options_.cores;
  hello.device = "none";
}

void NoopAgent::turn(double now, std::chrono::microseconds wait) {
  if (heard_ == 0) heard_ = now;
  for (auto envelope = transport_.poll(queue_.empty() && outgoing_.empty() ? wait : wait / 1000);
       envelope; envelope = transport_.poll(std::chrono::microseconds(0))) {
    heard_ = now;
    (void)for_each_message<ToAgent>(envelope->bytes, [this](ToAgent&& message) {
      std::visit([this](const auto& m) { on_message(m); }, message);
    });
  }
  work(now);
  if (heartbeat_s_ > 0 && now >= next_heartbeat_) {
    next_heartbeat_ = now + heartbeat_s_;
    outgoing_.emplace_back(AgentHeartbeat{});
  }
  if (outgoing_.empty()) return;
  transport_.send(0, encode_batch(outgoing_));
  outgoing_.clear();
}

void NoopAgent::work(double now) {
  while (!queue_.empty()) {
    Work& first = queue_.front();
    if (!first.begun) {
      first.begun = now;
      if (options_.reports_started) outgoing_.emplace_back(Started{first.stage, first.attempt});
    }
    if (now - *first.begun < options_.stage_s) return;
    Finished finished{first.stage, first.attempt, {}};
    finished.result.seconds = options_.stage_s;
    finished.result.host = options_.host;
    outgoing_.emplace_back(std::move(finished));
    queue_.pop_front();
  }
}

bool NoopAgent::coordinator_silent(double now) const {
  return silence_s_ > 0 && heard_ > 0 && now - heard_ > silence_s_;
}

void NoopAgent::on_message(const Welcome& welcome) {
  heartbeat_s_ = welcome.heartbeat_ms / 1000.0;
  silence_s_ = welcome.silence_ms / 1000.0;
}

void NoopAgent::on_message(const Assign& assign) {
  for (const Assignment& assignment : assign.stages)
    queue_.push_back({assignment.stage, assignment.attempt, std::nullopt});
}

void NoopAgent::on_message(const Cancel& cancel) {
  std::erase_if(queue_, [&](const Work& work) {
    return work.stage == cancel.stage && work.attempt == cancel.attempt;
  });
}

void NoopAgent::on_message(const Rejoin&) {
  queue_.clear();
  say_hello();
}

}  // namespace vlsweep::testing
