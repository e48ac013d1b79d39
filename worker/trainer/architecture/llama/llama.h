// The LLaMA family alone (Vicuna, Llama-2-chat, SmolLM2: grouped queries, tied embeddings), and
// what every architecture with a LLaMA decoder shares: its part of config.json and its tensor
// names. Matches transformers' LlamaForCausalLM.
//
// Free functions; safe from any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/base/result.h"
#include "worker/trainer/architecture/architecture.h"
#include "worker/trainer/architecture/config_fields.h"

namespace vlsweep {

const Architecture& llama_architecture();

// A LlamaConfig object, whole config.json or its text_config.
Result<LlamaConfig> read_text_config(const nlohmann::json& object, const std::string& where);
nlohmann::json text_config_json(const ModelConfig& config);
// bos, eos and pad ids and the dtype, as config.json states them beside the shapes.
void read_token_ids(ConfigFields& fields, ModelConfig& config);

// The canonical name of a decoder's tensor ("model.layers...", "lm_head...", or behind any of the
// prefixes that vision-language models give it), empty for inv_freq; unchanged if it is none.
std::optional<std::string> canonical_decoder_name(std::string_view file_name);

}  // namespace vlsweep
