// Tensor names. Inside vlsweep every tensor has its name of llava-hf on the hub ("scheme B"):
// language_model.model.layers.N..., language_model.lm_head.weight,
// multi_modal_projector.linear_1..., vision_tower.vision_model.... Files also come with
// liuhaotian's names (A), with those of transformers' memory layout since 4.52 (C), with
// transformers 5's tower names (no vision_model.), or from a LLaMA alone (model.layers...). Pure
// functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vlsweep {

// The scheme-B name of a tensor found in a file; empty for buffers that carry no weights
// (position_ids, inv_freq, image_newline). A name of no known scheme comes back unchanged.
std::optional<std::string> canonical_tensor_name(std::string_view file_name);

// The name under which a tensor of a LLaMA alone is saved ("model.layers...", "lm_head.weight").
std::string text_only_tensor_name(std::string_view canonical_name);

// Where transformers' LlavaForConditionalGeneration keeps a tensor in memory (scheme C): the paths
// in peft's adapter files. "language_model.model.X" -> "model.language_model.X".
std::string module_tensor_name(std::string_view canonical_name, bool text_only);

}  // namespace vlsweep
