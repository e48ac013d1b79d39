#include "worker/trainer/text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

#include "worker/trainer/format/json_object.h"

namespace vlsweep {
namespace {

constexpr std::size_t kMaxExpression = 64 << 10;
constexpr std::uint32_t kMatchLimit = 10'000'000, kHeapLimitKib = 64 << 10;
// Oniguruma's ^ and $ are those of lines; a match never begins inside a code point.
constexpr std::uint32_t kCompileOptions =
    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;

std::string pcre2_error(int code) {
  std::array<PCRE2_UCHAR8, 256> text{};
  pcre2_get_error_message_8(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

struct FreeMatch {
  void operator()(pcre2_match_data_8* data) const { pcre2_match_data_free_8(data); }
  void operator()(pcre2_match_context_8* context) const { pcre2_match_context_free_8(context); }
};

// Rewrites an expression of Oniguruma's for PCRE2, or says which construct it cannot carry over.
class Translation {
 public:
  explicit Translation(std::string_view source) : source_(source) {}

  Result<std::string> run(const std::string& where) {
    while (at_ < source_.size() && refused_.empty()) step();
    if (refused_.empty()) return std::move(result_);
    return fail(Errc::invalid, "the regular expression uses " + refused_ + ", which is not known",
                where);
  }

 private:
  void step() {
    const char c = source_[at_];
    if (c == '\\' && at_ + 1 < source_.size()) return escape(source_[at_ + 1]);
    if (in_class_) {
      if (c == '[') refused_ = "a set in a set";
      if (source_.substr(at_).starts_with("&&")) refused_ = "&&";
      in_class_ = c != ']';
    } else if (c == '[') {
      in_class_ = true;
    } else if (c == '(' && source_.substr(at_).starts_with("(?")) {
      group(source_.substr(at_ + 2));
    } else if (c == '(' && source_.substr(at_).starts_with("(*")) {
      refused_ = "(*";
    }
    result_.push_back(c);
    ++at_;
  }

  // Oniguruma's white space is Unicode's property; PCRE2's own has U+180E too.
  void escape(char c) {
    constexpr std::string_view kSame = "dDnrtfvae";
    const std::string_view found = source_.substr(at_, 2);
    at_ += 2;
    if (c == 's' || c == 'S') {
      result_ += c == 's' ? "\\p{White_Space}" : "\\P{White_Space}";
    } else if (c == 'p' || c == 'P' || c == 'x' || c == 'u') {
      if (c == 'u') return unicode_escape();
      result_ += found;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
      if (kSame.find(c) == kSame.npos && (in_class_ || (c != 'A' && c != 'z'))) refused_ = found;
      result_ += found;
    } else {
      result_ += found;
    }
  }

  void unicode_escape() {
    result_ += "\\x{" + std::string(source_.substr(at_, 4)) + "}";
    at_ = std::min(at_ + 4, source_.size());
  }

  void group(std::string_view behind) {
    for (const std::string_view known : {":", "=", "!", "<=", "<!", ">", "i:", "i)"}) {
      if (behind.starts_with(known)) return;
    }
    refused_ = "(?" + std::string(behind.substr(0, 1));
  }

  std::string_view source_;
  std::size_t at_ = 0;
  bool in_class_ = false;
  std::string result_, refused_;
};

}  // namespace

struct Pattern::Code {
  pcre2_code_8* code = nullptr;

  Code() = default;
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() { pcre2_code_free_8(code); }
};

namespace {

// One search through one text; its memory is its own.
class Search {
 public:
  Search(const pcre2_code_8* code, std::string_view text)
      : code_(code),
        text_(text),
        data_(pcre2_match_data_create_from_pattern_8(code, nullptr)),
        context_(pcre2_match_context_create_8(nullptr)) {
    pcre2_set_match_limit_8(context_.get(), kMatchLimit);
    pcre2_set_heap_limit_8(context_.get(), kHeapLimitKib);
  }

  // The next match from `at` on; begin == npos where there is none.
  Result<Match> next(std::size_t at) {
    int found = run(at, 0);
    // The JIT's stack is small and fixed; the interpreter takes memory as it needs it.
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = run(at, PCRE2_NO_JIT);
    if (found == PCRE2_ERROR_NOMATCH) return Match{std::string_view::npos, std::string_view::npos};
    if (found < 0) {
      return fail(Errc::invalid,
                  "the tokenizer's regular expression gave up on a text: " + pcre2_error(found));
    }
    const PCRE2_SIZE* place = pcre2_get_ovector_pointer_8(data_.get());
    return Match{place[0], place[1]};
  }

 private:
  int run(std::size_t at, std::uint32_t options) {
    return pcre2_match_8(code_, reinterpret_cast<PCRE2_SPTR8>(text_.data()), text_.size(), at,
                         options | PCRE2_NO_UTF_CHECK, data_.get(), context_.get());
  }

  const pcre2_code_8* code_;
  std::string_view text_;
  std::unique_ptr<pcre2_match_data_8, FreeMatch> data_;
  std::unique_ptr<pcre2_match_context_8, FreeMatch> context_;
};

}  // namespace

Result<Pattern> Pattern::regex(std::string_view expression, const std::string& where) {
  if (expression.size() > kMaxExpression) {
    return fail(Errc::invalid, "a regular expression of more than 64 KiB", where);
  }
  VLSWEEP_TRY(const std::string translated, Translation(expression).run(where));
  int error = 0;
  PCRE2_SIZE place = 0;
  auto code = std::make_shared<Code>();
  code->code = pcre2_compile_8(reinterpret_cast<PCRE2_SPTR8>(translated.data()), translated.size(),
                               kCompileOptions, &error, &place, nullptr);
  if (!code->code) {
    return fail(Errc::invalid, "bad regular expression: " + pcre2_error(error), where);
  }
  pcre2_jit_compile_8(code->code, PCRE2_JIT_COMPLETE);  // where there is no JIT, it is interpreted
  Pattern pattern;
  pattern.code_ = std::move(code);
  return pattern;
}

Pattern Pattern::literal(std::string text) {
  Pattern pattern;
  pattern.literal_ = std::move(text);
  return pattern;
}

Result<Pattern> Pattern::read(const nlohmann::json& object, const std::string& where) {
  if (object.is_string()) return literal(object.get<std::string>());
  const nlohmann::json* text = json_member(object, "String");
  const nlohmann::json* expression = json_member(object, "Regex");
  if (text && text->is_string()) return literal(text->get<std::string>());
  if (expression && expression->is_string()) {
    return regex(expression->get_ref<const std::string&>(), where);
  }
  return fail(Errc::invalid, R"("pattern" must be {"String": ...} or {"Regex": ...})", where);
}

Result<std::vector<Match>> Pattern::find_all(std::string_view text) const {
  std::vector<Match> matches;
  if (!code_) {
    if (literal_.empty()) return matches;
    for (std::size_t at = 0; (at = text.find(literal_, at)) != text.npos; at += literal_.size()) {
      matches.push_back({at, at + literal_.size()});
    }
    return matches;
  }
  Search search(code_->code, text);
  for (std::size_t at = 0; at <= text.size();) {
    VLSWEEP_TRY(const Match match, search.next(at));
    if (match.begin == text.npos) break;
    // An empty match right behind another one is none.
    if (match.begin < match.end || matches.empty() || matches.back().end != match.begin) {
      matches.push_back(match);
    }
    at = match.end;
    if (match.begin == match.end) {
      if (at == text.size()) break;
      do ++at;
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
    }
  }
  return matches;
}

}  // namespace vlsweep
