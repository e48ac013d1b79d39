// The "decoder" of a tokenizer.json: tokens' texts back into one text. Immutable; safe from any
// thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/trainer/text/pattern.h"

namespace vlsweep {

class TokenDecoder {
 public:
  // Known: ByteLevel, Replace (of a string), ByteFallback, Fuse, Strip, Metaspace, Sequence;
  // another type is refused by name. Null: tokens are joined by spaces.
  static Result<TokenDecoder> read(const nlohmann::json* object, const std::string& where);

  // Bytes that are no UTF-8 become U+FFFD.
  std::string decode(std::vector<std::string> tokens) const;

 private:
  enum class Kind { byte_level, replace, byte_fallback, fuse, strip, metaspace };
  struct Step {
    Kind kind = Kind::fuse;
    std::string pattern, content;  // replace; strip's character; metaspace's mark
    std::size_t start = 0, stop = 0;
    bool drop_first = false;  // metaspace: the first token loses its marks
  };
  Result<> add(const nlohmann::json& object, int depth, const std::string& where);
  static Result<Step> read_step(const nlohmann::json& object, const std::string& type,
                                const std::string& where);
  static void apply(const Step& step, std::vector<std::string>& tokens);

  bool known_ = false;
  std::vector<Step> steps_;
};

}  // namespace vlsweep
