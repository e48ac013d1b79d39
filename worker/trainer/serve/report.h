// What a trainer says, as JSON (worker/agent/trainer_message.h reads it on the other side), and the
// sink that says it: at most five progress messages a second, every step's points in one of them.
//
// A ReportSink belongs to the thread that runs the stage; `cancelled` may be set by another.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "worker/trainer/stage/runner.h"
#include "worker/trainer/stage/sink.h"
#include "worker/trainer/stage/spec.h"

namespace vlsweep {

nlohmann::json ready_message(const DeviceFacts& facts);
nlohmann::json started_message(const StageRequest& request);
nlohmann::json done_message(const StageRequest& request, const StageOutcome& outcome);
nlohmann::json failed_message(std::uint32_t stage, std::uint32_t attempt, const Error& error);

class ReportSink : public StageSink {
 public:
  // `send` takes each message; `cancelled` is looked at between steps.
  ReportSink(const StageRequest& request, std::function<void(const nlohmann::json&)> send,
             const std::atomic<bool>& cancelled);

  void progress(std::int64_t step, std::int64_t steps, std::vector<SeriesPoint> points) override;
  void samples(std::vector<ResponseRow> rows) override;
  bool cancelled() override { return cancelled_.load(std::memory_order_relaxed); }
  // Sends what is still held back; call it before the done or failed message.
  void flush();

 private:
  const StageRequest& request_;
  std::function<void(const nlohmann::json&)> send_;
  const std::atomic<bool>& cancelled_;
  std::chrono::steady_clock::time_point last_sent_;
  std::int64_t step_ = 0, steps_ = 0;
  bool has_news_ = false;
  std::vector<SeriesPoint> points_;
};

}  // namespace vlsweep
