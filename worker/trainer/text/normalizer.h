// The "normalizer" of a tokenizer.json: what is done to a text before it is cut. Immutable; safe
// from any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/trainer/text/pattern.h"

namespace vlsweep {

class Normalizer {
 public:
  // Known: Prepend, Replace, Sequence; another type is refused by name. Null: none.
  static Result<Normalizer> read(const nlohmann::json* object, const std::string& where);

  Result<std::string> apply(std::string_view text) const;

 private:
  struct Step {
    std::string content;
    bool prepend = false;  // otherwise `pattern` is replaced
    Pattern pattern;
  };
  Result<> add(const nlohmann::json& object, int depth, const std::string& where);

  std::vector<Step> steps_;
};

}  // namespace vlsweep
