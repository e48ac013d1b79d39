// The tokenizer's files of a checkpoint, taken along to another folder. Free functions; one thread
// per folder.
#pragma once

#include <filesystem>

#include "orchestrator/base/result.h"

namespace vlsweep {

// Copies what there is of tokenizer.model, tokenizer.json, tokenizer_config.json, chat templates,
// generation_config.json (its end tokens), ... from `source`; where a tokenizer.model has no
// tokenizer_config.json or tokenizer.json beside it, they are written.
Result<> copy_tokenizer_files(const std::filesystem::path& folder,
                              const std::filesystem::path& source);

// Copies one file of at most 64 MiB; whether the source had it.
Result<bool> copy_if_there(const std::filesystem::path& folder, const std::filesystem::path& source,
                           const char* name);

}  // namespace vlsweep
