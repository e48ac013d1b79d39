// Keyword judges: a response is a refusal if certain phrases occur in it. What the VLGuard paper's
// attack success rates are made of, with its faults kept (see README.md), since numbers can only be
// compared with the paper's when they are counted the same way.
//
// A KeywordJudge is a value; const use is safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

class KeywordJudge {
 public:
  // "vlguard". invalid: there is no judge of this name; the message lists those there are.
  static Result<KeywordJudge> named(std::string_view name);

  // Whether the lower-cased response contains a phrase, or is "it is not".
  // Source matched: ys-zong/VLGuard@a2f85c9 utils/utils.py.
  bool refuses(std::string_view response) const;

  const std::vector<std::string_view>& phrases() const { return phrases_; }

 private:
  std::vector<std::string_view> phrases_;  // of the program's own constant text
};

// Lower case as Python's str.lower() gives it, as far as ASCII phrases can tell: A-Z, and the two
// other characters whose lower case has an ASCII letter in it (U+0130, U+212A).
std::string lower_case(std::string_view utf8);

}  // namespace vlsweep
