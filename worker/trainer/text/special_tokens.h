// What a Hugging Face tokenizer folder says beside its model: special and added tokens, flags and
// the ids that end a generation, out of tokenizer_config.json, special_tokens_map.json,
// added_tokens.json, generation_config.json and config.json. Plain values; safe from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/trainer/text/added_tokens.h"

namespace vlsweep {

struct TokenizerSettings {
  std::optional<std::string> bos, eos, unk, pad;  // as named; absent or null: not named
  std::vector<std::int64_t> eos_ids;  // as generation_config.json, else config.json has them
  std::optional<bool> add_bos, add_eos;
  std::string tokenizer_class;
  bool legacy = true;
  std::vector<AddedToken> added;
};

// Files that are not there leave the defaults; each is at most 16 MiB.
Result<TokenizerSettings> load_tokenizer_settings(const std::filesystem::path& folder);

// {"content": ..., "special": ..., "lstrip": ...}; the id is left alone.
Result<AddedToken> read_added_token(const nlohmann::json& object, const std::string& where);

}  // namespace vlsweep
