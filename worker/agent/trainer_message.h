// What an agent and its trainer say to each other, as typed values. The trainer is a process of
// ours that may be broken: whatever does not fit is `corrupt`, and the agent then restarts it.
//
// Plain functions and values: safe from any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "orchestrator/protocol/message.h"
#include "storage/series_file.h"

namespace vlsweep {

// A stage and its attempt, as every message about one carries them.
struct AttemptId {
  std::uint32_t stage = 0;
  std::uint32_t attempt = 0;
  auto operator<=>(const AttemptId&) const = default;
};
inline AttemptId id_of(const Assignment& assignment) {
  return {assignment.stage, assignment.attempt};
}

// From the trainer.
struct TrainerReady {
  std::string device = "none";
  std::string versions;
  std::uint32_t gpus = 0;
  std::uint64_t gpu_memory = 0;  // bytes
};
struct TrainerStarted {
  AttemptId id;
};
struct TrainerProgress {
  AttemptId id;
  std::int64_t step = 0;
  std::int64_t steps = 0;
  std::vector<SeriesPoint> points;  // null in JSON is NaN here
};
struct TrainerSamples {
  AttemptId id;
  std::vector<SampleRow> rows;
};
struct TrainerDone {
  AttemptId id;
  double seconds = 0;
  std::vector<Metric> metrics;
  std::uint64_t peak_memory = 0;  // bytes
  std::string note;
};
struct TrainerFailed {
  AttemptId id;
  Errc code = Errc::internal;
  std::string message;
};
using TrainerMessage = std::variant<TrainerReady, TrainerStarted, TrainerProgress, TrainerSamples,
                                    TrainerDone, TrainerFailed>;

Result<TrainerMessage> parse_trainer_message(const nlohmann::json& message);

// To the trainer. `spec` is the assignment's, which must be a JSON object (invalid otherwise);
// `state` is where the stage keeps what it resumes from, empty if it has nothing of the kind.
Result<nlohmann::json> run_message(const Assignment& assignment,
                                   const std::vector<std::string>& parent_folders,
                                   const std::string& out, const std::string& state);
nlohmann::json cancel_message(AttemptId id);
nlohmann::json exit_message();

}  // namespace vlsweep
