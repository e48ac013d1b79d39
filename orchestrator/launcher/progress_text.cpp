#include "orchestrator/launcher/progress_text.h"

#include <algorithm>
#include <cmath>

namespace vlsweep {
namespace {

constexpr std::size_t kLongestBar = 40, kShortestBar = 8;
constexpr std::string_view kGreen = "\x1b[32m", kPlain = "\x1b[0m";

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

int percent_of(const RunStatus& status) {
  return status.all() == 0 ? 0 : static_cast<int>(100 * status.done / status.all());
}

std::string counts_text(const RunStatus& status) {
  std::string text = std::to_string(status.running) + " running";
  if (status.failed > 0) text += ", " + std::to_string(status.failed) + " failed";
  if (status.eta_s) text += ", about " + duration_text(*status.eta_s) + " to go";
  return text;
}

std::string two_digits(long long value) { return (value < 10 ? "0" : "") + std::to_string(value); }

std::string repeat(std::string_view text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

std::string draw_bar(const RunStatus& status, std::size_t length, const BarStyle& style) {
  const std::size_t full =
      status.all() == 0 ? 0 : static_cast<std::size_t>(length * status.done / status.all());
  const std::string_view on = style.unicode ? "\u2588" : "#", off = style.unicode ? "\u2591" : "-";
  const std::string filled = repeat(on, full);
  return (style.color ? std::string(kGreen) + filled + std::string(kPlain) : filled) +
         repeat(off, length - full);
}

}  // namespace

std::string bar_line(const RunStatus& status, const BarStyle& style) {
  const std::string percent = std::to_string(percent_of(status)) + "%";
  const std::string text = " " + std::string(4 - std::min<std::size_t>(4, percent.size()), ' ') +
                           percent + "  " + std::to_string(status.done) + "/" +
                           std::to_string(status.all()) + " stages, " + counts_text(status);
  const std::size_t room = style.width > 0 ? style.width - 1 : 0;
  const std::size_t taken = columns_of(text);
  if (room < taken + kShortestBar) return cut_to_columns(text.substr(1), room);
  return draw_bar(status, std::min(kLongestBar, room - taken), style) + text;
}

std::string plain_line(const RunStatus& status) {
  return std::to_string(percent_of(status)) + "% (" + std::to_string(status.done) + " of " +
         std::to_string(status.all()) + " stages), " + counts_text(status);
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const auto whole = static_cast<long long>(std::min(std::ceil(seconds), 1e12));
  if (whole < 60) return std::to_string(whole) + "s";
  if (whole < 3600) return std::to_string(whole / 60) + "m " + two_digits(whole % 60) + "s";
  if (whole < 86'400)
    return std::to_string(whole / 3600) + "h " + two_digits(whole / 60 % 60) + "m";
  return std::to_string(whole / 86'400) + "d " + two_digits(whole / 3600 % 24) + "h";
}

std::string cut_to_columns(std::string_view text, std::size_t columns) {
  std::string cut;
  std::size_t taken = 0;
  for (const char c : text) {
    if (begins_character(c) && ++taken > columns) break;
    cut += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return cut;
}

}  // namespace vlsweep
