// Splits the text of an expression into tokens. Internal to the parser.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep::expression_detail {

struct Token {
  enum class Kind { number, text, word, symbol, end };
  Kind kind = Kind::end;
  std::string text;  // the word, the symbol, what the quotes hold
  double number = 0;
  std::uint32_t column = 0;  // from 1
};

// The last token is `end`. invalid, where = "column N".
Result<std::vector<Token>> tokenize(std::string_view text);

}  // namespace vlsweep::expression_detail
