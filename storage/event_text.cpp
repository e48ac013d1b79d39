#include "storage/event_text.h"

#include <array>
#include <cstdio>

namespace vlsweep {
namespace {

using StageName = std::function<std::string(const Key&)>;

std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), seconds < 10 ? "%.2f s" : "%.0f s", seconds);
  return text.data();
}

std::string attempt_text(std::uint32_t attempt) {
  return attempt > 1 ? " (attempt " + std::to_string(attempt) + ")" : std::string();
}

EventRow row_of(const RunOpened& e, const StageName&) {
  return {e.time, "run_opened", {}, {}, "run opened on " + e.host + " by vlsweep " + e.version};
}
EventRow row_of(const RankJoined& e, const StageName&) {
  return {e.time,
          "rank_joined",
          {},
          e.rank,
          "rank " + std::to_string(e.rank) + " joined: " + e.host + ", " + e.device};
}
EventRow row_of(const RankLost& e, const StageName&) {
  return {e.time, "rank_lost", {}, e.rank, "rank " + std::to_string(e.rank) + " lost: " + e.reason};
}
EventRow row_of(const StageStarted& e, const StageName& name) {
  return {e.time, "stage_started", e.key, e.rank,
          name(e.key) + " started on rank " + std::to_string(e.rank) + attempt_text(e.attempt)};
}
EventRow row_of(const StageDone& e, const StageName& name) {
  std::string text = name(e.key) + " done in " + seconds_text(e.result.seconds);
  if (!e.result.note.empty()) text += ": " + e.result.note;
  return {e.time, "stage_done", e.key, e.rank, std::move(text)};
}
EventRow row_of(const StageReused& e, const StageName& name) {
  return {e.time,
          "stage_reused",
          e.key,
          {},
          name(e.key) + " taken from the store, " + seconds_text(e.result.seconds) + " saved"};
}
EventRow row_of(const StageFailed& e, const StageName& name) {
  return {e.time, "stage_failed", e.key, e.rank,
          name(e.key) + " failed" + attempt_text(e.attempt) + ": " + e.message +
              (e.final ? " (no attempt is left)" : " (will be tried again)")};
}
EventRow row_of(const RunClosed& e, const StageName&) {
  return {e.time, "run_closed", {}, {}, "run closed: " + e.outcome};
}

}  // namespace

EventRow event_row(const Event& event, const StageName& stage_name) {
  return std::visit([&](const auto& e) { return row_of(e, stage_name); }, event);
}

}  // namespace vlsweep
