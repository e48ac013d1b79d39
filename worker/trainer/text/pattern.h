// What a normalizer or pre-tokenizer looks for in a text: a literal string or a regular expression
// in the tokenizers library's dialect (Oniguruma's Ruby syntax), run by PCRE2, which stands in
// pattern.cpp alone. Immutable; safe from any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct Match {
  std::size_t begin = 0, end = 0;  // bytes
};

class Pattern {
 public:
  // A regular expression over UTF-8 with Unicode properties. Constructs whose meaning differs
  // between the dialects (\w, \b, \h, sets in sets, inline options but (?i)) are refused by name.
  static Result<Pattern> regex(std::string_view expression, const std::string& where);
  static Pattern literal(std::string text);
  // {"String": ...} or {"Regex": ...}; a plain string counts as String.
  static Result<Pattern> read(const nlohmann::json& object, const std::string& where);

  // The matches in their order, without overlaps. `text` must be valid UTF-8. `invalid` where the
  // expression exceeds its match limit.
  Result<std::vector<Match>> find_all(std::string_view text) const;

 private:
  struct Code;
  std::shared_ptr<const Code> code_;  // null: literal_
  std::string literal_;
};

}  // namespace vlsweep
