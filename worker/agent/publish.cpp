#include "worker/agent/publish.h"

#include <nlohmann/json.hpp>

namespace vlsweep {
namespace {

using Json = nlohmann::json;

StageAttributes attributes_of(const Assignment& assignment, const Maker& maker) {
  return {assignment.key,     assignment.kind, series_name(assignment.kind, assignment.spec),
          assignment.attempt, maker.host,      maker.device};
}

// What the kind of stage must have left.
Result<> check_complete(const Attempt& attempt) {
  const StageKind kind = attempt.assignment.kind;
  std::error_code error;
  if ((kind == StageKind::tune || kind == StageKind::pretrain) &&
      !std::filesystem::is_directory(attempt.folder / "checkpoint", error))
    return fail(Errc::internal, "the trainer said it was done but left no checkpoint");
  if (kind == StageKind::respond && attempt.samples.empty())
    return fail(Errc::internal, "the trainer said it was done but gave no responses");
  return {};
}

Result<StageResult> fill_and_publish(const Store& store, const Attempt& attempt,
                                     const Maker& maker) {
  VLSWEEP_CHECK_OK(check_complete(attempt));
  const bool responds = attempt.assignment.kind == StageKind::respond;
  VLSWEEP_CHECK_OK(write_series_file(attempt.folder / "series.h5",
                                     attributes_of(attempt.assignment, maker), attempt.points,
                                     responds ? &attempt.samples : nullptr, nullptr));
  StageResult result;
  result.seconds = attempt.done.seconds;
  result.metrics = attempt.done.metrics;
  result.device = maker.device;
  result.host = maker.host;
  result.peak_memory = attempt.done.peak_memory;
  result.note = attempt.done.note;
  return store.publish(attempt.folder, attempt.assignment.key, result);
}

}  // namespace

std::string series_name(StageKind kind, const std::string& spec) {
  const Json json = Json::parse(spec, nullptr, false);
  const auto text_at = [&](const char* pointer) -> std::string {
    const Json::json_pointer place(pointer);
    if (!json.is_object() || !json.contains(place) || !json.at(place).is_string()) return {};
    return json.at(place).get<std::string>();
  };
  std::string name;
  if (kind == StageKind::respond) name = text_at("/suite/name");
  if (kind == StageKind::tune) name = text_at("/role");
  return name.empty() ? std::string(stage_kind_name(kind)) : name;
}

Result<StageResult> publish_attempt(const Store& store, const Attempt& attempt,
                                    const Maker& maker) {
  auto result = fill_and_publish(store, attempt, maker);
  if (!result) (void)store.discard(attempt.folder);
  if (result) (void)store.discard_state(attempt.assignment.key);
  return result;
}

}  // namespace vlsweep
