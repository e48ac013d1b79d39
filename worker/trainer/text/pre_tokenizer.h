// The "pre_tokenizer" of a tokenizer.json: cuts normalized text into the words that the model takes
// one by one. Immutable; safe from any thread.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct Word {
  std::string text;
  bool first = false;  // begins where the whole text begins
};

// One step: replaces each word by what it is cut into.
class PreTokenizerStep {
 public:
  virtual ~PreTokenizerStep() = default;
  virtual Result<> cut(Word word, std::vector<Word>& words) const = 0;
};

class PreTokenizer {
 public:
  // Known: ByteLevel, Split, Digits, Metaspace, Sequence; another type is refused by name. Null:
  // none.
  static Result<PreTokenizer> read(const nlohmann::json* object, const std::string& where);

  // Words are never empty.
  Result<std::vector<Word>> apply(std::string text, bool first) const;

 private:
  Result<> add(const nlohmann::json& object, int depth, const std::string& where);

  std::vector<std::shared_ptr<const PreTokenizerStep>> steps_;
};

}  // namespace vlsweep
