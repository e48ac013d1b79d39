// What a journal says of the plan's stages: its events folded, one after another, into one record a
// stage. Events of stages that the plan does not have (any more) are passed over.
//
// One owner, one thread; needed only while a coordinator starts. The plan must outlive it.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "orchestrator/coordinator/key_index.h"
#include "orchestrator/protocol/event.h"
#include "orchestrator/protocol/plan.h"

namespace vlsweep {

class History {
 public:
  enum class Ended : std::uint8_t { no, done, reused, failed };
  struct Past {
    std::uint32_t attempts = 0;  // the highest number given out
    std::uint16_t failures = 0;
    Ended ended = Ended::no;
    Errc code = Errc::internal;  // of the failure
    float seconds = 0;           // that the attempt that is done took
  };

  explicit History(const Plan& plan) : index_(plan.stages), past_(plan.stages.size()) {}

  void fold(const Event& event);
  const Past& past(std::uint32_t stage) const { return past_[stage]; }
  std::string message(std::uint32_t stage) const;  // of the failure

 private:
  Past* find(const Key& key);

  KeyIndex index_;
  std::vector<Past> past_;
  std::unordered_map<std::uint32_t, std::string> messages_;
};

}  // namespace vlsweep
