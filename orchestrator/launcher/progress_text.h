// Progress as text: the bar of a terminal, the line of a log.
//
// Plain functions; safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "orchestrator/launcher/run_status.h"

namespace vlsweep {

struct BarStyle {
  std::size_t width = 80;  // columns of the terminal
  bool unicode = true;     // blocks and dots; otherwise # and -
  bool color = true;
};

// One line of at most width - 1 columns: bar, percent, counts, ETA. A narrow terminal loses the bar
// first, then the end of the text.
std::string bar_line(const RunStatus& status, const BarStyle& style);
// The same without a bar: "42% (310 of 740 stages), 2 running, 1 failed, about 2m 13s to go".
std::string plain_line(const RunStatus& status);

// "7s", "2m 13s", "3h 05m", "2d 04h"
std::string duration_text(double seconds);
// The first `columns` columns of UTF-8 text (each character taken for one column), control
// characters replaced by spaces.
std::string cut_to_columns(std::string_view text, std::size_t columns);

}  // namespace vlsweep
