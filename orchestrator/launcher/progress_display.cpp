#include "orchestrator/launcher/progress_display.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace vlsweep {
namespace {

using std::chrono::seconds;

constexpr std::size_t kMostLinesAtWork = 8;

std::string_view environment_value(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// As the locale's variables name it, in their order of precedence.
bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const std::string_view value = environment_value(name); !value.empty())
      return value.contains("UTF-8") || value.contains("utf8");
  return false;
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

// A reader that has gone away is no reason to stop a sweep.
void write_error(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno != EINTR) return;
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

ProgressDisplay::ProgressDisplay()
    : terminal_(::isatty(STDERR_FILENO) == 1 && environment_value("TERM") != "dumb" &&
                !environment_value("TERM").empty()) {
  style_.unicode = locale_is_utf8();
  style_.color = environment_value("NO_COLOR").empty();
}

ProgressDisplay::~ProgressDisplay() { erase(); }

void ProgressDisplay::say(std::string_view line) {
  erase();
  write_error(std::string(line) + "\n");
}

void ProgressDisplay::show(const RunStatus& status, Time now) {
  if (terminal_) return draw(status);
  if (pace_.due(status, now)) say(plain_line(status));
}

void ProgressDisplay::draw(const RunStatus& status) {
  style_.width = terminal_width();
  std::string text = bar_line(status, style_) + "\x1b[K\n";
  const std::size_t lines = std::min(status.at_work.size(), kMostLinesAtWork);
  for (std::size_t i = 0; i < lines; ++i)
    text += cut_to_columns("  " + status.at_work[i], style_.width - 1) + "\x1b[K\n";
  if (drawn_ == lines + 1 && text == last_) return;
  const std::string up = drawn_ > 0 ? "\x1b[" + std::to_string(drawn_) + "A\r" : "\r";
  write_error(up + "\x1b[J" + text);
  drawn_ = lines + 1;
  last_ = std::move(text);
}

void ProgressDisplay::erase() {
  if (drawn_ > 0) write_error("\x1b[" + std::to_string(drawn_) + "A\r\x1b[J");
  drawn_ = 0;
}

bool PlainPace::due(const RunStatus& status, std::chrono::steady_clock::time_point now) {
  if (status.all() == 0) return false;
  const bool changed = status.done != done_ || status.failed != failed_;
  const bool jumped = (status.done - std::min(done_, status.done)) * 20 >= status.all();
  const bool ended = changed && status.waiting + status.running == 0;
  bool is_due = !last_ || status.failed > failed_ || ended;
  is_due |= changed && now - *last_ >= (jumped ? seconds(1) : seconds(30));
  if (!is_due) return false;
  last_ = now;
  done_ = status.done;
  failed_ = status.failed;
  return true;
}

}  // namespace vlsweep
