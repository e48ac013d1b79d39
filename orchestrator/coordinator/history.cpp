#include "orchestrator/coordinator/history.h"

#include <algorithm>

namespace vlsweep {

History::Past* History::find(const Key& key) {
  const std::optional<std::uint32_t> stage = index_.find(key);
  return stage ? &past_[*stage] : nullptr;
}

std::string History::message(std::uint32_t stage) const {
  const auto found = messages_.find(stage);
  return found == messages_.end() ? std::string() : found->second;
}

void History::fold(const Event& event) {
  if (const auto* started = std::get_if<StageStarted>(&event)) {
    Past* past = find(started->key);
    if (past == nullptr) return;
    past->attempts = std::max(past->attempts, started->attempt);
    past->ended = Ended::no;  // what it was before has been given up (a folder gone, a retry)
  } else if (const auto* done = std::get_if<StageDone>(&event)) {
    Past* past = find(done->key);
    if (past == nullptr) return;
    past->attempts = std::max(past->attempts, done->attempt);
    past->ended = Ended::done;
    past->seconds = static_cast<float>(done->result.seconds);
  } else if (const auto* reused = std::get_if<StageReused>(&event)) {
    if (Past* past = find(reused->key)) past->ended = Ended::reused;
  } else if (const auto* failed = std::get_if<StageFailed>(&event)) {
    Past* past = find(failed->key);
    if (past == nullptr) return;
    past->attempts = std::max(past->attempts, failed->attempt);
    ++past->failures;
    past->code = failed->code;
    past->ended = failed->final ? Ended::failed : Ended::no;
    if (failed->final) messages_[static_cast<std::uint32_t>(past - past_.data())] = failed->message;
  }
}

}  // namespace vlsweep
