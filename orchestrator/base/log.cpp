#include "orchestrator/base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace vlsweep {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::level::level_enum level_from_environment() {
  const char* wanted = std::getenv("VLSWEEP_LOG");
  return wanted == nullptr ? spdlog::level::warn : spdlog::level::from_str(wanted);
}

std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("vlsweep",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
    made->set_level(level_from_environment());
    return made;
  }();
  return instance;
}

// A value that holds a space, a quote or a line break is quoted, so that a line stays a line.
void append_text(std::string& line, std::string_view text) {
  if (text.find_first_of(" \"\n\r\t=") == std::string_view::npos && !text.empty()) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') line += '\\';
    line += c == '\n' || c == '\r' ? ' ' : c;
  }
  line += '"';
}

}  // namespace

Result<> log_open(const std::filesystem::path& path, std::string_view name) {
  try {
    auto made = std::make_shared<spdlog::logger>(
        std::string(name), std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string()));
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l [%n] %v");
    made->set_level(std::min(level_from_environment(), spdlog::level::info));
    made->flush_on(spdlog::level::info);
    logger() = std::move(made);
  } catch (const spdlog::spdlog_ex& error) {
    return fail(Errc::io, std::string("cannot open the log: ") + error.what(), path.string());
  }
  return {};
}

void log_set_level(Level level) { logger()->set_level(to_spdlog(level)); }

void log_event(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (!logger()->should_log(to_spdlog(level))) return;
  std::string line(event);
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    if (const auto* text = std::get_if<std::string_view>(&field.value)) append_text(line, *text);
    if (const auto* number = std::get_if<std::int64_t>(&field.value))
      line += std::to_string(*number);
    if (const auto* number = std::get_if<double>(&field.value))
      line += fmt::format("{:g}", *number);
  }
  logger()->log(to_spdlog(level), "{}", line);
}

}  // namespace vlsweep
