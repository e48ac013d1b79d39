// tokenizer.model: LLaMA's sentencepiece model, as transformers' slow LlamaTokenizer uses it.
#pragma once

#include <memory>
#include <string>

#include "worker/trainer/text/text_model.h"

namespace vlsweep {

// `bytes` is the serialized model of `where`. legacy: every chunk of a text is cut as if it were a
// text of its own, with a space before it; otherwise the first chunk alone.
Result<std::unique_ptr<TextModel>> make_sentencepiece_model(const std::string& bytes, bool legacy,
                                                            const std::string& where);

}  // namespace vlsweep
