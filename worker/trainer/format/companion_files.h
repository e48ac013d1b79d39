// The small files beside a checkpoint's weights: tokenizer, generation and processor settings.
// Free functions; one thread per folder.
#pragma once

#include <filesystem>

#include "orchestrator/base/result.h"
#include "worker/trainer/format/config.h"

namespace vlsweep {

// Copies what there is of tokenizer.model, tokenizer_config.json, ... from `source`; where a
// tokenizer.model has no tokenizer_config.json or tokenizer.json beside it, they are written.
Result<> copy_tokenizer_files(const std::filesystem::path& folder,
                              const std::filesystem::path& source);

// copy_tokenizer_files plus generation_config.json, preprocessor_config.json and
// processor_config.json, copied or written so that transformers' LlavaProcessor loads.
Result<> write_companion_files(const ModelConfig& config, const std::filesystem::path& folder,
                               const std::filesystem::path& source);

}  // namespace vlsweep
