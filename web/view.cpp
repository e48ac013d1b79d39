#include "web/view.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxStages = 1'000'000;
constexpr std::size_t kPointsPerCurve = 400;

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

json counts_of(const RunSummary& summary) {
  const std::uint64_t reused = std::min(summary.stages_reused, summary.stages.done);
  return {{"planned", summary.stages.all()},
          {"done", summary.stages.done - reused},
          {"reused", reused},
          {"running", summary.stages.running},
          {"failed", summary.stages.failed},
          {"waiting", summary.stages.waiting}};
}

// How many stages of each kind are planned, have begun, are done.
json kinds_of(const StagePage& stages) {
  std::map<std::string, std::array<std::uint64_t, 3>> kinds;
  for (const StageRow& stage : stages.rows) {
    auto& [planned, begun, done] = kinds[stage.kind];
    ++planned;
    if (stage.state != "waiting") ++begun;
    if (stage.state == "done") ++done;
  }
  json out = json::object();
  for (const auto& [kind, numbers] : kinds)
    out[kind] = {{"planned", numbers[0]}, {"begun", numbers[1]}, {"done", numbers[2]}};
  return out;
}

// One sentence about what went wrong, or null.
json trouble_of(const StagePage& stages) {
  std::uint64_t failed = 0;
  const StageRow* first = nullptr;
  for (const StageRow& stage : stages.rows) {
    if (stage.state != "failed") continue;
    ++failed;
    if (first == nullptr) first = &stage;
  }
  if (first == nullptr) return nullptr;
  return std::to_string(failed) + (failed == 1 ? " stage" : " stages") +
         " failed; the first: " + first->name + ": " + first->message;
}

std::string state_of(const RankRow& rank) {
  if (rank.lost) return rank.reason;
  return rank.running.empty() ? "idle" : "busy";
}

json rank_of(const RankRow& rank, const std::vector<LiveRow>& live, const StagePage& stages) {
  json out = {{"rank", rank.rank},
              {"host", rank.host},
              {"pid", rank.pid},
              {"device", rank.device},
              {"state", state_of(rank)}};
  for (const std::uint32_t stage : rank.running) {
    if (stage < stages.rows.size() && !out.contains("stage"))
      out["stage"] = stages.rows[stage].name;
    const auto at = std::ranges::find(live, stage, &LiveRow::stage);
    if (at == live.end() || at->steps == 0) continue;
    out["stage"] = at->name;
    out["step"] = at->step;
    out["steps"] = at->steps;
    if (at->loss) out["loss"] = *at->loss;
    break;
  }
  return out;
}

json curve_of(RunReader& reader, const StageRow& stage) {
  json points = json::array();
  // A stage that has not reported a step has no series yet; its curve is empty.
  if (const auto series = reader.series(stage.stage, "loss", kPointsPerCurve))
    for (const SeriesPoint& point : series->points) points.push_back({point.step, point.value});
  return {{"stage", stage.stage},
          {"name", stage.name},
          {"state", stage.state},
          {"points", std::move(points)}};
}

json trial_of(const TrialRow& trial) {
  json out = {{"id", trial.id},
              {"seed", trial.seed},
              {"state", trial.state},
              {"parameters", json::object()},
              {"metrics", json::object()},
              {"message", trial.message}};
  for (const auto& [name, text] : trial.parameters) {
    json value = json::parse(text, nullptr, false);
    out["parameters"][name] = value.is_discarded() ? json(text) : std::move(value);
  }
  for (const MetricValue& metric : trial.metrics) out["metrics"][metric.name] = metric.value;
  return out;
}

}  // namespace

Result<json> run_state(RunReader& reader, std::uint64_t num_events) {
  VLSWEEP_TRY(const RunSummary summary, reader.summary());
  VLSWEEP_TRY(const StagePage stages, reader.stages({.limit = kMaxStages}));
  VLSWEEP_TRY(const std::vector<RankRow> ranks, reader.ranks());
  VLSWEEP_TRY(const std::vector<LiveRow> live, reader.live());
  json out = {{"run", {{"name", summary.name}, {"state", summary.state}}},
              {"counts", counts_of(summary)},
              {"kinds", kinds_of(stages)},
              {"trials",
               {{"total", summary.trials.all()},
                {"done", summary.trials.done},
                {"failed", summary.trials.failed}}},
              {"sharing",
               {{"stages", summary.stages.all()},
                {"without", summary.stages_without_sharing},
                {"seconds_spent", summary.seconds_spent},
                {"seconds_shared", summary.seconds_shared},
                {"seconds_reused", summary.seconds_reused}}},
              {"trouble", trouble_of(stages)},
              {"ranks", json::array()},
              {"events", json::array()}};
  if (summary.opened)
    out["elapsed_s"] = static_cast<std::int64_t>(summary.closed.value_or(now()) - *summary.opened);
  if (summary.ranks_present > 0)
    out["eta_s"] = static_cast<std::int64_t>(summary.seconds_left /
                                             static_cast<double>(summary.ranks_present));
  for (const RankRow& rank : ranks) out["ranks"].push_back(rank_of(rank, live, stages));
  if (num_events > 0) {
    VLSWEEP_TRY(const std::vector<RunEvent> events, reader.last_events(num_events));
    for (const RunEvent& event : events)
      out["events"].push_back({{"time", event.time}, {"text", event.text}});
  }
  return out;
}

Result<json> trials_page(RunReader& reader, const TrialQuery& query) {
  VLSWEEP_TRY(const TrialPage page, reader.trials(query));
  json out = {{"total", page.total},
              {"parameters", json::array()},
              {"metrics", json::array()},
              {"rows", json::array()}};
  std::set<std::string> metrics;
  for (const TrialRow& trial : page.rows) {
    // A trial names only the parameters that apply to it.
    for (const auto& [name, text] : trial.parameters)
      if (std::ranges::find(out["parameters"], json(name)) == out["parameters"].end())
        out["parameters"].push_back(name);
    for (const MetricValue& metric : trial.metrics)
      if (metric.n > 0 && (metric.name.ends_with(".asr") || metric.name.ends_with(".accuracy") ||
                           metric.name == "xstest-safe.refusal"))
        metrics.insert(metric.name);
    out["rows"].push_back(trial_of(trial));
  }
  out["metrics"] = metrics;
  return out;
}

Result<json> loss_curves(RunReader& reader, std::size_t most) {
  VLSWEEP_TRY(StagePage running,
              reader.stages({.state = "running", .kind = "tune", .limit = most}));
  VLSWEEP_TRY(StagePage pretraining,
              reader.stages({.state = "running", .kind = "pretrain", .limit = most}));
  VLSWEEP_TRY(StagePage done,
              reader.stages({.state = "done", .kind = "tune", .limit = kMaxStages}));
  std::ranges::sort(done.rows, std::greater(), [](const StageRow& row) { return row.ended; });
  std::vector<StageRow> shown = std::move(pretraining.rows);
  for (std::vector<StageRow>* rows : {&running.rows, &done.rows})
    for (StageRow& row : *rows)
      if (shown.size() < most) shown.push_back(std::move(row));
  json curves = json::array();
  for (const StageRow& stage : shown) curves.push_back(curve_of(reader, stage));
  return json{{"curves", std::move(curves)}};
}

}  // namespace vlsweep
