#include "worker/data/json_array.h"

#include <utility>

namespace vlsweep {

namespace {
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
}  // namespace

JsonArray::JsonArray(std::string_view text, std::string file)
    : text_(text), file_(std::move(file)) {
  if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
}

std::unexpected<Error> JsonArray::refuse(std::string what) const {
  return fail(Errc::invalid, std::move(what), file_ + ":" + std::to_string(line_));
}

void JsonArray::skip_space() {
  for (; !at_end(); ++at_) {
    const char c = text_[at_];
    if (c == '\n') ++line_;
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
  }
}

Result<> JsonArray::open() {
  skip_space();
  if (at_end()) return refuse("an empty file: expected a JSON array");
  if (text_[at_] != '[') return refuse("expected a JSON array: the file must begin with '['");
  ++at_;
  opened_ = true;
  return {};
}

// Moves to the next item; false after the closing bracket, which must end the file.
Result<bool> JsonArray::more() {
  skip_space();
  if (at_end()) return refuse("the file is cut off: the array is not closed");
  if (text_[at_] == ']') {
    ++at_;
    closed_ = true;
    skip_space();
    if (!at_end()) return refuse("text after the end of the JSON array");
    return false;
  }
  if (count_ == 0) return true;
  if (text_[at_] != ',') return refuse("expected ',' or ']' after an item of the array");
  ++at_;
  skip_space();
  if (at_end()) return refuse("the file is cut off: the array is not closed");
  return true;
}

Result<std::string_view> JsonArray::item_text() {
  const std::size_t begin = at_;
  std::size_t depth = 0;
  bool in_string = false;
  for (; !at_end(); ++at_) {
    const char c = text_[at_];
    if (c == '\n') ++line_;
    if (at_ - begin >= kMaxItem) return refuse("an item larger than 16 MiB");
    if (in_string) {
      if (c == '\\') ++at_;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (depth == 0 && (c == ',' || c == ']')) break;
    if ((c == '{' || c == '[') && ++depth > kMaxDepth) return refuse("nested deeper than 64");
    if (c == '}' || c == ']') {
      if (depth == 0) return refuse("a closing bracket that nothing opened");
      if (--depth == 0) {
        ++at_;
        break;
      }
    }
  }
  if (at_ > text_.size() || in_string || depth > 0) {
    return refuse("the file is cut off in the middle of item " + std::to_string(count_));
  }
  return text_.substr(begin, at_ - begin);
}

Result<std::optional<JsonItem>> JsonArray::next() {
  if (!opened_) VLSWEEP_CHECK_OK(open());
  if (closed_) return std::nullopt;
  VLSWEEP_TRY(const bool another, more());
  if (!another) return std::nullopt;
  JsonItem item{{}, count_, line_};
  VLSWEEP_TRY(item.text, item_text());
  ++count_;
  return item;
}

}  // namespace vlsweep
