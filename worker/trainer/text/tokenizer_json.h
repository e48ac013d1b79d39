// tokenizer.json: a sentencepiece BPE model in the form that the tokenizers library reads, so that
// transformers' AutoTokenizer cuts texts as the Tokenizer does (without the file it needs protobuf
// and drops the space before a text). Pure function.
#pragma once

#include <string>

#include "worker/trainer/text/tokenizer.h"

namespace vlsweep {

// Merges follow from the pieces' scores, as transformers derives them. Special tokens that the
// vocabulary has among <unk>, <s>, </s>, <pad> and <image> are listed as added tokens.
std::string tokenizer_json(const Tokenizer& tokenizer);

}  // namespace vlsweep
