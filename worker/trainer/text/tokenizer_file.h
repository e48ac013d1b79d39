// tokenizer.json: what the tokenizers library reads, taken apart. Whatever would change ids and is
// not known here is refused by name. Free function, safe from any thread.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "worker/trainer/text/added_tokens.h"
#include "worker/trainer/text/text_model.h"

namespace vlsweep {

struct TokenizerFile {
  std::unique_ptr<TextModel> model;
  std::vector<AddedToken> added;
  std::vector<TokenId> before, after;  // what the post-processor puts around a text
};

// At most 64 MiB.
Result<TokenizerFile> read_tokenizer_file(const std::filesystem::path& path);

}  // namespace vlsweep
