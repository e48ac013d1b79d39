// The small files beside a checkpoint's weights: tokenizer, generation and processor settings.
// Free functions; one thread per folder.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "orchestrator/base/result.h"
#include "worker/trainer/architecture/model_config.h"

namespace vlsweep {

// copy_tokenizer_files plus generation_config.json and the architecture's processor files, copied
// or written so that transformers' processor loads.
Result<> write_companion_files(const ModelConfig& config, const std::filesystem::path& folder,
                               const std::filesystem::path& source);

// FOLDER/NAME: the source's, or `otherwise` where the source has none.
Result<> copy_or_write_json(const std::filesystem::path& folder,
                            const std::filesystem::path& source, const char* name,
                            const nlohmann::json& otherwise);

}  // namespace vlsweep
