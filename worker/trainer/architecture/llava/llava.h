// LLaVA-1.5: a CLIP tower, a projector of two layers, a LLaMA decoder. Matches transformers'
// LlavaForConditionalGeneration and haotian-liu/LLaVA.
//
// Free functions; safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "worker/trainer/architecture/architecture.h"

namespace vlsweep {

const Architecture& llava_architecture();

std::optional<std::string> canonical_llava_name(std::string_view file_name);
// "language_model.model.X" -> "model.language_model.X".
std::string llava_module_name(std::string_view canonical_name);

}  // namespace vlsweep
