// Models from and to Hugging Face folders. What vlsweep writes, transformers (5.23) and peft load.
// Errors name the file; a checkpoint that does not fit its config names every tensor at fault.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <memory>

#include "orchestrator/base/result.h"
#include "worker/trainer/model/vision_language_model.h"

namespace vlsweep {

// Loads config.json + model.safetensors (or its shards; three naming schemes), or a peft adapter
// folder: its base is loaded (base_model_name_or_path, relative to the folder or absolute; itself
// an adapter or not) and the adapter merged in float32. All parts frozen.
Result<std::unique_ptr<VisionLanguageModel>> load_checkpoint(const std::filesystem::path& folder,
                                                             at::ScalarType dtype,
                                                             at::Device device);

// Merges a peft adapter, made for this model, into it.
Result<> merge_adapter(VisionLanguageModel& model, const std::filesystem::path& folder);

// Where the tokenizer's files of a checkpoint lie: the folder, or its (last) base for an adapter
// that has none of its own.
Result<std::filesystem::path> tokenizer_folder(const std::filesystem::path& folder);

// A full checkpoint: config.json, generation_config.json, model.safetensors (scheme B names), and
// the tokenizer and processor files of `source` (written where `source` has none). LoRA that is
// still attached is merged into what is written, not into the model.
Result<> save_checkpoint(const VisionLanguageModel& model, const std::filesystem::path& folder,
                         const std::filesystem::path& source);

// A peft adapter: LoRA's matrices and the projector (modules_to_save). `base` becomes
// base_model_name_or_path as it stands. Tokenizer files are copied from `source`.
Result<> save_adapter(const VisionLanguageModel& model, const std::filesystem::path& folder,
                      const std::filesystem::path& base, const std::filesystem::path& source);

}  // namespace vlsweep
