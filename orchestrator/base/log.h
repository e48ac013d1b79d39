// Logging as events with fields: log_event(Level::info, "stage_done", {{"key", key}}). Metrics are
// data and never go through the log. Lines go to standard error, or to the file given to log_open.
//
// Safe from any thread. spdlog stands behind it, in log.cpp alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string_view>
#include <variant>

#include "orchestrator/base/result.h"

namespace vlsweep {

enum class Level { debug, info, warning, error };

struct Field {
  std::string_view key;
  std::variant<std::int64_t, double, std::string_view> value;
};

// Sends the log to a file (appended); `name` stands in each line (for instance "rank 1").
Result<> log_open(const std::filesystem::path& path, std::string_view name);
// The least level that is written; $VLSWEEP_LOG (debug, info, warning, error) sets it at start.
void log_set_level(Level level);
void log_event(Level level, std::string_view event, std::initializer_list<Field> fields = {});

}  // namespace vlsweep
