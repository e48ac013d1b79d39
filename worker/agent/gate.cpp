#include "worker/agent/gate.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace vlsweep {
namespace {

std::optional<AttemptId> ended_by(const ToCoordinator& message) {
  if (const auto* finished = std::get_if<Finished>(&message))
    return AttemptId{finished->stage, finished->attempt};
  if (const auto* failed = std::get_if<Failed>(&message))
    return AttemptId{failed->stage, failed->attempt};
  return std::nullopt;
}

}  // namespace

bool Gate::waits(const Assignment& assignment) const {
  return std::ranges::any_of(unfinished_, [&](const auto& entry) {
    return std::ranges::find(assignment.parents, entry.second) != assignment.parents.end();
  });
}

bool Gate::admit(Assignment& assignment) {
  const bool held = waits(assignment);
  unfinished_.emplace(id_of(assignment), assignment.key);
  if (held) held_.push_back(std::move(assignment));
  return !held;
}

void Gate::settle(std::size_t message, std::vector<ToCoordinator>& messages) {
  const std::optional<AttemptId> id = ended_by(messages[message]);
  const auto found = id ? unfinished_.find(*id) : unfinished_.end();
  if (found == unfinished_.end()) return;
  const Key key = found->second;
  unfinished_.erase(found);
  if (std::holds_alternative<Finished>(messages[message])) return;
  // Another attempt at the same stage may stand behind the one that failed: then that one counts.
  const bool another =
      std::ranges::any_of(unfinished_, [&](const auto& entry) { return entry.second == key; });
  if (another) return;
  std::erase_if(held_, [&](const Assignment& held) {
    if (std::ranges::find(held.parents, key) == held.parents.end()) return false;
    messages.emplace_back(Failed{held.stage, held.attempt, Errc::unavailable,
                                 "a stage that it needs failed before it"});
    return true;
  });
}

std::vector<Assignment> Gate::take_open() {
  std::vector<Assignment> open;
  std::erase_if(held_, [&](Assignment& held) {
    if (waits(held)) return false;
    open.push_back(std::move(held));
    return true;
  });
  return open;
}

bool Gate::cancel(AttemptId id) {
  return std::erase_if(held_, [&](const Assignment& held) { return id_of(held) == id; }) > 0;
}

void Gate::clear() {
  unfinished_.clear();
  held_.clear();
}

}  // namespace vlsweep
