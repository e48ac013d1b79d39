#include "worker/trainer/serve/report.h"

#include <utility>

namespace vlsweep {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::milliseconds kBetweenReports{200};
// Keeps every frame far below its limit.
constexpr std::size_t kMostPoints = 100'000;
constexpr std::size_t kMostRowBytes = 4U << 20;

Json message(const char* type, std::uint32_t stage, std::uint32_t attempt) {
  return {{"type", type}, {"stage", stage}, {"attempt", attempt}};
}

Json row_json(const ResponseRow& row) {
  return {{"id", row.id},
          {"prompt", row.prompt},
          {"response", row.response},
          {"target", row.target},
          {"image", row.image},
          {"category", row.category},
          {"subcategory", row.subcategory}};
}

}  // namespace

Json ready_message(const DeviceFacts& facts) {
  return {{"type", "ready"},
          {"device", facts.device},
          {"versions", facts.versions},
          {"gpus", facts.gpus},
          {"gpu_memory", facts.gpu_memory}};
}

Json started_message(const StageRequest& request) {
  return message("started", request.stage, request.attempt);
}

Json done_message(const StageRequest& request, const StageOutcome& outcome) {
  Json metrics = Json::array();
  for (const Metric& metric : outcome.metrics)
    metrics.push_back({metric.name, metric.value, metric.k, metric.n});
  Json json = message("done", request.stage, request.attempt);
  json["seconds"] = outcome.seconds;
  json["metrics"] = std::move(metrics);
  json["peak_memory"] = outcome.peak_memory;
  json["note"] = outcome.note;
  return json;
}

Json failed_message(std::uint32_t stage, std::uint32_t attempt, const Error& error) {
  Json json = message("failed", stage, attempt);
  json["code"] = errc_name(error.code);
  json["message"] = error.text();
  return json;
}

ReportSink::ReportSink(const StageRequest& request, std::function<void(const Json&)> send,
                       const std::atomic<bool>& cancelled)
    : request_(request), send_(std::move(send)), cancelled_(cancelled) {}

void ReportSink::progress(std::int64_t step, std::int64_t steps, std::vector<SeriesPoint> points) {
  step_ = step;
  steps_ = steps;
  has_news_ = true;
  for (SeriesPoint& point : points) points_.push_back(std::move(point));
  const auto since = std::chrono::steady_clock::now() - last_sent_;
  if (since >= kBetweenReports || points_.size() >= kMostPoints) flush();
}

void ReportSink::flush() {
  if (!has_news_) return;
  Json points = Json::array();
  for (const SeriesPoint& point : points_) points.push_back({point.name, point.step, point.value});
  Json json = message("progress", request_.stage, request_.attempt);
  json["step"] = step_;
  json["steps"] = steps_;
  json["points"] = std::move(points);
  points_.clear();
  has_news_ = false;
  last_sent_ = std::chrono::steady_clock::now();
  send_(json);
}

void ReportSink::samples(std::vector<ResponseRow> rows) {
  Json json = message("samples", request_.stage, request_.attempt);
  json["rows"] = Json::array();
  std::size_t bytes = 0;
  for (const ResponseRow& row : rows) {
    json["rows"].push_back(row_json(row));
    bytes += row.prompt.size() + row.response.size() + row.target.size();
    if (bytes < kMostRowBytes) continue;
    send_(json);
    json["rows"] = Json::array();
    bytes = 0;
  }
  if (!json["rows"].empty()) send_(json);
}

}  // namespace vlsweep
