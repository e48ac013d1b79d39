#include "worker/agent/noop_lane.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace vlsweep {
namespace {

using std::chrono::milliseconds;

// The spec's sleep in milliseconds, at most a day; 0 if it has none.
milliseconds sleep_of(const std::string& spec) {
  // A hundred thousand specs a second come through here; most do not sleep and need no parsing.
  if (!spec.contains("\"sleep_ms\"")) return milliseconds(0);
  const auto json = nlohmann::json::parse(spec, nullptr, false);
  if (!json.is_object()) return milliseconds(0);
  const auto found = json.find("sleep_ms");
  if (found == json.end() || !found->is_number()) return milliseconds(0);
  return milliseconds(static_cast<std::int64_t>(std::clamp(found->get<double>(), 0.0, 86.4e6)));
}

}  // namespace

void NoopLane::add(const Assignment& assignment, Time now, std::vector<ToCoordinator>& messages) {
  const milliseconds length = sleep_of(assignment.spec);
  if (length.count() == 0 && sleeping_.empty()) {
    messages.push_back(finished(id_of(assignment), length));
    return;
  }
  sleeping_.push_back({id_of(assignment), length, {}});
  pump(now, messages);
}

bool NoopLane::cancel(AttemptId id) {
  return std::erase_if(sleeping_, [&](const Sleeper& sleeper) { return sleeper.id == id; }) > 0;
}

bool NoopLane::pump(Time now, std::vector<ToCoordinator>& messages) {
  bool ended = false;
  while (!sleeping_.empty()) {
    Sleeper& first = sleeping_.front();
    if (!first.begun) {
      first.begun = now;
      messages.push_back(Started{first.id.stage, first.id.attempt});
    }
    if (now - *first.begun < first.length) break;
    messages.push_back(finished(first.id, first.length));
    sleeping_.pop_front();
    ended = true;
  }
  return ended;
}

std::optional<NoopLane::Time> NoopLane::next() const {
  if (sleeping_.empty() || !sleeping_.front().begun) return std::nullopt;
  return *sleeping_.front().begun + sleeping_.front().length;
}

ToCoordinator NoopLane::finished(AttemptId id, milliseconds length) const {
  StageResult result;
  result.seconds = std::chrono::duration<double>(length).count();
  result.device = "cpu";
  result.host = host_;
  return Finished{id.stage, id.attempt, std::move(result)};
}

}  // namespace vlsweep
