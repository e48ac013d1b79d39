// An event of the journal as one row for people: its kind, time, stage, rank and a sentence.
//
// Free functions, safe from any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/protocol/event.h"

namespace vlsweep {

struct EventRow {
  double time = 0;
  std::string_view kind;  // "stage_done", ... as in the table `events`
  std::optional<Key> key;
  std::optional<std::uint32_t> rank;
  std::string text;
};

// `stage_name` names a stage of the plan; for another it gives its short key.
EventRow event_row(const Event& event, const std::function<std::string(const Key&)>& stage_name);

}  // namespace vlsweep
