#include "sweeps/scalar.h"

#include <charconv>
#include <cmath>

namespace vlsweep {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// [+-] digits [. digits] [e [+-] digits], with at least one digit before the exponent and no zero
// before another digit ("007" is a text, as dates and phone numbers are).
bool looks_like_number(std::string_view text) {
  std::size_t at = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at - begin;
  };
  const std::size_t first = at;
  std::size_t count = digits();
  if (count > 1 && text[first] == '0') return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    count += digits();
  }
  if (count == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

}  // namespace

void type_scalar(std::string_view text, bool quoted, Node& node) {
  node.text = std::string(text);
  node.kind = Node::Kind::text;
  if (quoted) return;
  if (text.empty() || text == "~" || text == "null") {
    node.kind = Node::Kind::null;
  } else if (text == "true" || text == "false") {
    node.kind = Node::Kind::boolean;
    node.boolean = text == "true";
  } else if (looks_like_number(text)) {
    const std::string_view unsigned_text = text[0] == '+' ? text.substr(1) : text;
    const auto [end, status] = std::from_chars(
        unsigned_text.data(), unsigned_text.data() + unsigned_text.size(), node.number);
    if (status == std::errc() && std::isfinite(node.number)) node.kind = Node::Kind::number;
  }
}

}  // namespace vlsweep
