#include "worker/trainer/text/token_decoder.h"

#include <charconv>
#include <optional>

#include "worker/trainer/format/json_object.h"
#include "worker/trainer/text/byte_level.h"
#include "worker/trainer/text/utf8.h"

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 8;
constexpr std::int64_t kMaxStrip = 1 << 20;

std::string joined(const std::vector<std::string>& tokens, std::string_view between) {
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) text.append(i ? between : "").append(tokens[i]);
  return text;
}

std::string replaced(const std::string& text, std::string_view pattern, std::string_view content) {
  std::string result;
  std::size_t kept = 0;
  for (std::size_t at; (at = text.find(pattern, kept)) != text.npos; kept = at + pattern.size()) {
    result.append(text, kept, at - kept).append(content);
  }
  return result.append(text, kept);
}

// The byte that "<0x0A>" stands for.
std::optional<char> byte_of(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  unsigned value = 0;
  const char* end = token.data() + 5;
  const auto [read, error] = std::from_chars(token.data() + 3, end, value, 16);
  if (error != std::errc() || read != end) return std::nullopt;
  return static_cast<char>(value);
}

// Runs of byte tokens become text; where a run is no UTF-8, one U+FFFD per byte.
std::vector<std::string> byte_fallback(const std::vector<std::string>& tokens) {
  std::vector<std::string> result;
  std::string bytes;
  const auto flush = [&] {
    if (bytes.empty()) return;
    std::string marks;
    for (std::size_t i = 0; i < bytes.size(); ++i) marks += "\uFFFD";
    result.push_back(repair_utf8(bytes) == bytes ? bytes : marks);
    bytes.clear();
  };
  for (const std::string& token : tokens) {
    if (const auto byte = byte_of(token)) {
      bytes.push_back(*byte);
    } else {
      flush();
      result.push_back(token);
    }
  }
  flush();
  return result;
}

std::string byte_level(const std::vector<std::string>& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) bytes += from_byte_characters(token).value_or(token);
  return repair_utf8(bytes);
}

std::string stripped(std::string_view text, std::string_view what, std::size_t start,
                     std::size_t stop) {
  for (; start > 0 && text.starts_with(what); --start) text.remove_prefix(what.size());
  for (; stop > 0 && text.ends_with(what); --stop) text.remove_suffix(what.size());
  return std::string(text);
}

}  // namespace

Result<TokenDecoder> TokenDecoder::read(const json* object, const std::string& where) {
  TokenDecoder decoder;
  decoder.known_ = object != nullptr;
  if (object) VLSWEEP_CHECK_OK(decoder.add(*object, 0, where));
  return decoder;
}

Result<> TokenDecoder::add(const json& object, int depth, const std::string& where) {
  VLSWEEP_TRY(const std::string type, json_text(object, "type", "", where));
  if (type != "Sequence") {
    VLSWEEP_TRY(Step step, read_step(object, type, where));
    steps_.push_back(std::move(step));
    return {};
  }
  const json* list = json_member(object, "decoders");
  if (!list || !list->is_array() || depth == kMaxDepth) {
    return fail(Errc::invalid, "decoder: Sequence needs a list of decoders", where);
  }
  for (const json& each : *list) VLSWEEP_CHECK_OK(add(each, depth + 1, where));
  return {};
}

Result<TokenDecoder::Step> TokenDecoder::read_step(const json& object, const std::string& type,
                                                   const std::string& where) {
  if (type == "ByteLevel") return Step{.kind = Kind::byte_level};
  if (type == "ByteFallback") return Step{.kind = Kind::byte_fallback};
  if (type == "Fuse") return Step{.kind = Kind::fuse};
  Step step;
  VLSWEEP_TRY(step.content, json_text(object, "content", "", where));
  if (type == "Replace") {
    const json* pattern = json_member(object, "pattern");
    const json* text = pattern ? json_member(*pattern, "String") : nullptr;
    if (!text || !text->is_string() || text->get_ref<const std::string&>().empty()) {
      return fail(Errc::invalid, R"(decoder: Replace needs {"String": ...})", where);
    }
    step.kind = Kind::replace;
    step.pattern = text->get<std::string>();
    return step;
  }
  if (type == "Strip") {
    VLSWEEP_TRY(const auto start, json_integer(object, "start", 0, 0, kMaxStrip, where));
    VLSWEEP_TRY(const auto stop, json_integer(object, "stop", 0, 0, kMaxStrip, where));
    if (step.content.empty()) return fail(Errc::invalid, "decoder: Strip needs content", where);
    step.kind = Kind::strip;
    step.start = static_cast<std::size_t>(start);
    step.stop = static_cast<std::size_t>(stop);
    return step;
  }
  if (type == "Metaspace") {
    VLSWEEP_TRY(step.pattern, json_text(object, "replacement", "\u2581", where));
    VLSWEEP_TRY(const bool prefix, json_flag(object, "add_prefix_space", true, where));
    VLSWEEP_TRY(const std::string scheme,
                json_text(object, "prepend_scheme", prefix ? "always" : "never", where));
    if (step.pattern.empty()) return fail(Errc::invalid, "decoder: empty replacement", where);
    step.kind = Kind::metaspace;
    step.drop_first = scheme != "never";
    return step;
  }
  return fail(Errc::invalid, "the decoder \"" + type + "\" is not known", where);
}

void TokenDecoder::apply(const Step& step, std::vector<std::string>& tokens) {
  switch (step.kind) {
    case Kind::byte_level:
      tokens = {byte_level(tokens)};
      break;
    case Kind::byte_fallback:
      tokens = byte_fallback(tokens);
      break;
    case Kind::fuse:
      tokens = {joined(tokens, "")};
      break;
    case Kind::replace:
      for (std::string& token : tokens) token = replaced(token, step.pattern, step.content);
      break;
    case Kind::strip:
      for (std::string& token : tokens) {
        token = stripped(token, step.content, step.start, step.stop);
      }
      break;
    case Kind::metaspace:
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        tokens[i] = replaced(tokens[i], step.pattern, i == 0 && step.drop_first ? "" : " ");
      }
      break;
  }
}

std::string TokenDecoder::decode(std::vector<std::string> tokens) const {
  for (const Step& step : steps_) apply(step, tokens);
  return joined(tokens, known_ ? "" : " ");
}

}  // namespace vlsweep
