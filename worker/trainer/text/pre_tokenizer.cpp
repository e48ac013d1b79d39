#include "worker/trainer/text/pre_tokenizer.h"

#include "worker/trainer/format/json_object.h"
#include "worker/trainer/text/byte_level.h"
#include "worker/trainer/text/pattern.h"

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 8;
constexpr const char* kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// What becomes of the matches of a pattern (the tokenizers library's SplitDelimiterBehavior).
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

struct Span {
  std::size_t begin = 0, end = 0;
  bool is_match = false;
};

// The whole text as matches and what lies between them.
Result<std::vector<Span>> spans_of(const Pattern& pattern, std::string_view text, bool invert) {
  VLSWEEP_TRY(const auto matches, pattern.find_all(text));
  std::vector<Span> spans;
  std::size_t previous = 0;
  for (const Match& match : matches) {
    if (previous != match.begin) spans.push_back({previous, match.begin, invert});
    spans.push_back({match.begin, match.end, !invert});
    previous = match.end;
  }
  if (previous != text.size()) spans.push_back({previous, text.size(), invert});
  return spans;
}

// NormalizedString::split of the tokenizers library, behaviour by behaviour.
std::vector<Span> join(const std::vector<Span>& spans, Behavior behavior) {
  std::vector<Span> joined;
  bool previous = false;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const Span& span = spans[i];
    bool extend = false;
    switch (behavior) {
      case Behavior::removed:
        if (span.is_match) continue;
        break;
      case Behavior::isolated:
        break;
      case Behavior::contiguous:
        extend = span.is_match == previous;
        break;
      case Behavior::merged_with_previous:
        extend = span.is_match && !previous;
        break;
      case Behavior::merged_with_next:
        extend = i > 0 && spans[i - 1].is_match && !span.is_match;
        break;
    }
    previous = span.is_match;
    if (extend && !joined.empty()) {
      joined.back().end = span.end;
    } else {
      joined.push_back(span);
    }
  }
  return joined;
}

class Split : public PreTokenizerStep {
 public:
  Split(Pattern pattern, Behavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  Result<> cut(Word word, std::vector<Word>& words) const override {
    VLSWEEP_TRY(const auto spans, spans_of(pattern_, word.text, invert_));
    for (const Span& span : join(spans, behavior_)) {
      if (span.begin == span.end) continue;
      words.push_back(
          {word.text.substr(span.begin, span.end - span.begin), word.first && span.begin == 0});
    }
    return {};
  }

 private:
  Pattern pattern_;
  Behavior behavior_;
  bool invert_;
};

class ByteLevel : public PreTokenizerStep {
 public:
  ByteLevel(std::optional<Split> split, bool add_prefix_space)
      : split_(std::move(split)), add_prefix_space_(add_prefix_space) {}

  Result<> cut(Word word, std::vector<Word>& words) const override {
    if (add_prefix_space_ && !word.text.starts_with(' ')) word.text.insert(0, " ");
    const std::size_t before = words.size();
    if (split_) {
      VLSWEEP_CHECK_OK(split_->cut(std::move(word), words));
    } else {
      words.push_back(std::move(word));
    }
    for (std::size_t i = before; i < words.size(); ++i) {
      words[i].text = to_byte_characters(words[i].text);
    }
    return {};
  }

 private:
  std::optional<Split> split_;
  bool add_prefix_space_;
};

class Metaspace : public PreTokenizerStep {
 public:
  enum class Prepend { always, first, never };

  Metaspace(std::string replacement, Prepend prepend, bool split)
      : replacement_(std::move(replacement)), prepend_(prepend) {
    if (split) {
      split_.emplace(Pattern::literal(replacement_), Behavior::merged_with_next, false);
    }
  }

  Result<> cut(Word word, std::vector<Word>& words) const override {
    std::string text;
    for (const char c : word.text) c == ' ' ? text.append(replacement_) : text.append(1, c);
    const bool wanted = prepend_ == Prepend::always || (prepend_ == Prepend::first && word.first);
    if (wanted && !text.starts_with(replacement_)) text.insert(0, replacement_);
    word.text = std::move(text);
    if (split_) return split_->cut(std::move(word), words);
    words.push_back(std::move(word));
    return {};
  }

 private:
  std::string replacement_;
  Prepend prepend_;
  std::optional<Split> split_;
};

using Step = std::shared_ptr<const PreTokenizerStep>;

Result<Step> read_split(const json& object, const std::string& where) {
  const json* pattern = json_member(object, "pattern");
  VLSWEEP_TRY(Pattern found, Pattern::read(pattern ? *pattern : json(), where));
  VLSWEEP_TRY(const bool invert, json_flag(object, "invert", false, where));
  VLSWEEP_TRY(const std::string name, json_text(object, "behavior", "", where));
  for (const auto& [known, behavior] :
       {std::pair("Removed", Behavior::removed), std::pair("Isolated", Behavior::isolated),
        std::pair("MergedWithPrevious", Behavior::merged_with_previous),
        std::pair("MergedWithNext", Behavior::merged_with_next),
        std::pair("Contiguous", Behavior::contiguous)}) {
    if (name == known) return std::make_shared<Split>(std::move(found), behavior, invert);
  }
  return fail(Errc::invalid, "pre_tokenizer: Split's behavior \"" + name + "\" is not known",
              where);
}

Result<Step> read_byte_level(const json& object, const std::string& where) {
  VLSWEEP_TRY(const bool add_prefix_space, json_flag(object, "add_prefix_space", true, where));
  VLSWEEP_TRY(const bool use_regex, json_flag(object, "use_regex", true, where));
  std::optional<Split> split;
  if (use_regex) {
    VLSWEEP_TRY(Pattern pattern, Pattern::regex(kGpt2, where));
    split.emplace(std::move(pattern), Behavior::isolated, false);
  }
  return std::make_shared<ByteLevel>(std::move(split), add_prefix_space);
}

Result<Step> read_digits(const json& object, const std::string& where) {
  VLSWEEP_TRY(const bool individual, json_flag(object, "individual_digits", false, where));
  VLSWEEP_TRY(Pattern pattern, Pattern::regex("\\p{N}", where));
  return std::make_shared<Split>(std::move(pattern),
                                 individual ? Behavior::isolated : Behavior::contiguous, false);
}

Result<Step> read_metaspace(const json& object, const std::string& where) {
  VLSWEEP_TRY(std::string replacement, json_text(object, "replacement", "\u2581", where));
  VLSWEEP_TRY(const bool add_prefix_space, json_flag(object, "add_prefix_space", true, where));
  VLSWEEP_TRY(const std::string scheme,
              json_text(object, "prepend_scheme", add_prefix_space ? "always" : "never", where));
  VLSWEEP_TRY(const bool split, json_flag(object, "split", true, where));
  using Prepend = Metaspace::Prepend;
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    return fail(Errc::invalid, "pre_tokenizer: prepend_scheme \"" + scheme + "\" is not known",
                where);
  }
  const Prepend prepend = scheme == "always"  ? Prepend::always
                          : scheme == "first" ? Prepend::first
                                              : Prepend::never;
  return std::make_shared<Metaspace>(std::move(replacement), prepend, split);
}

}  // namespace

Result<PreTokenizer> PreTokenizer::read(const json* object, const std::string& where) {
  PreTokenizer pre_tokenizer;
  if (object) VLSWEEP_CHECK_OK(pre_tokenizer.add(*object, 0, where));
  return pre_tokenizer;
}

Result<> PreTokenizer::add(const json& object, int depth, const std::string& where) {
  VLSWEEP_TRY(const std::string type, json_text(object, "type", "", where));
  if (type == "Sequence") {
    const json* list = json_member(object, "pretokenizers");
    if (!list || !list->is_array() || depth == kMaxDepth) {
      return fail(Errc::invalid, "pre_tokenizer: Sequence needs a list of pretokenizers", where);
    }
    for (const json& each : *list) VLSWEEP_CHECK_OK(add(each, depth + 1, where));
    return {};
  }
  const auto add_step = [this](Result<Step> step) -> Result<> {
    VLSWEEP_TRY(Step known, std::move(step));
    steps_.push_back(std::move(known));
    return {};
  };
  if (type == "Split") return add_step(read_split(object, where));
  if (type == "ByteLevel") return add_step(read_byte_level(object, where));
  if (type == "Digits") return add_step(read_digits(object, where));
  if (type == "Metaspace") return add_step(read_metaspace(object, where));
  return fail(Errc::invalid, "the pre_tokenizer \"" + type + "\" is not known", where);
}

Result<std::vector<Word>> PreTokenizer::apply(std::string text, bool first) const {
  std::vector<Word> words;
  if (!text.empty()) words.push_back({std::move(text), first});
  for (const auto& step : steps_) {
    std::vector<Word> cut;
    for (Word& word : words) VLSWEEP_CHECK_OK(step->cut(std::move(word), cut));
    words = std::move(cut);
  }
  return words;
}

}  // namespace vlsweep
