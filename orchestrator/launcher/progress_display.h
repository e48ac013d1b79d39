// Shows progress on standard error: on a terminal a bar with a line for each stage at work, redrawn
// in place; elsewhere a plain line when something has changed, now and then.
//
// Belongs to one thread. Everything printed while a display lives goes through say().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/launcher/progress_text.h"

namespace vlsweep {

// When a plain line is due: at once if a stage failed, after a second for each further 5 %, after
// half a minute for anything else. Says nothing twice.
class PlainPace {
 public:
  bool due(const RunStatus& status, std::chrono::steady_clock::time_point now);

 private:
  std::optional<std::chrono::steady_clock::time_point> last_;
  std::uint64_t done_ = 0, failed_ = 0;
};

class ProgressDisplay {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Finds out what standard error is ($TERM, $NO_COLOR, the locale's character set).
  ProgressDisplay();
  // Takes the bar away.
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void show(const RunStatus& status, Time now);
  // A line above the bar.
  void say(std::string_view line);

 private:
  void draw(const RunStatus& status);
  void erase();

  bool terminal_ = false;
  BarStyle style_;
  PlainPace pace_;
  std::size_t drawn_ = 0;  // lines on the screen
  std::string last_;       // what is on it
};

}  // namespace vlsweep
