#include "orchestrator/protocol/stage.h"

#include <cstring>
#include <utility>

namespace vlsweep {
namespace {

constexpr std::array<std::pair<StageKind, std::string_view>, 6> kKinds{{
    {StageKind::pretrain, "pretrain"},
    {StageKind::tune, "tune"},
    {StageKind::respond, "respond"},
    {StageKind::judge, "judge"},
    {StageKind::compare, "compare"},
    {StageKind::noop, "noop"},
}};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string_view stage_kind_name(StageKind kind) {
  for (const auto& [value, name] : kKinds)
    if (value == kind) return name;
  return "unknown";
}

std::optional<StageKind> stage_kind_from_name(std::string_view name) {
  for (const auto& [value, known] : kKinds)
    if (known == name) return value;
  return std::nullopt;
}

std::string Key::hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(64);
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string Key::short_hex() const { return hex().substr(0, 12); }

std::optional<Key> key_from_hex(std::string_view hex) {
  if (hex.size() != 64) return std::nullopt;
  Key key;
  for (std::size_t i = 0; i < key.bytes.size(); ++i) {
    const int high = hex_digit(hex[2 * i]);
    const int low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    key.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return key;
}

std::size_t KeyHash::operator()(const Key& key) const {
  std::size_t hash = 0;
  std::memcpy(&hash, key.bytes.data(), sizeof hash);
  return hash;
}

}  // namespace vlsweep
