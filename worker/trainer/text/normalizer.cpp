#include "worker/trainer/text/normalizer.h"

#include "worker/trainer/format/json_object.h"

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 8;

Result<std::string> replace_all(const Pattern& pattern, const std::string& content,
                                const std::string& text) {
  VLSWEEP_TRY(const auto matches, pattern.find_all(text));
  std::string replaced;
  std::size_t kept = 0;
  for (const Match& match : matches) {
    replaced.append(text, kept, match.begin - kept).append(content);
    kept = match.end;
  }
  return replaced.append(text, kept);
}

}  // namespace

Result<Normalizer> Normalizer::read(const json* object, const std::string& where) {
  Normalizer normalizer;
  if (object) VLSWEEP_CHECK_OK(normalizer.add(*object, 0, where));
  return normalizer;
}

Result<> Normalizer::add(const json& object, int depth, const std::string& where) {
  VLSWEEP_TRY(const std::string type, json_text(object, "type", "", where));
  Step step;
  if (type == "Sequence") {
    const json* list = json_member(object, "normalizers");
    if (!list || !list->is_array() || depth == kMaxDepth) {
      return fail(Errc::invalid, "normalizer: Sequence needs a list of normalizers", where);
    }
    for (const json& each : *list) VLSWEEP_CHECK_OK(add(each, depth + 1, where));
    return {};
  }
  if (type == "Prepend") {
    VLSWEEP_TRY(step.content, json_text(object, "prepend", "", where));
    step.prepend = true;
  } else if (type == "Replace") {
    const json* pattern = json_member(object, "pattern");
    VLSWEEP_TRY(step.pattern, Pattern::read(pattern ? *pattern : json(), where));
    VLSWEEP_TRY(step.content, json_text(object, "content", "", where));
  } else {
    return fail(Errc::invalid, "the normalizer \"" + type + "\" is not known", where);
  }
  steps_.push_back(std::move(step));
  return {};
}

Result<std::string> Normalizer::apply(std::string_view text) const {
  std::string result(text);
  for (const Step& step : steps_) {
    if (step.prepend) {
      if (!result.empty()) result.insert(0, step.content);
    } else {
      VLSWEEP_TRY(result, replace_all(step.pattern, step.content, result));
    }
  }
  return result;
}

}  // namespace vlsweep
