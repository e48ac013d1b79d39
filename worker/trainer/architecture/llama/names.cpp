#include <array>
#include <utility>

#include "worker/trainer/architecture/llama/llama.h"

namespace vlsweep {

std::optional<std::string> canonical_decoder_name(std::string_view file_name) {
  using Rule = std::pair<std::string_view, std::string_view>;
  constexpr std::array<Rule, 6> kRules{{
      {"model.language_model.", "language_model.model."},
      {"language_model.model.", "language_model.model."},
      {"model.layers.", "language_model.model.layers."},
      {"model.embed_tokens.", "language_model.model.embed_tokens."},
      {"model.norm.", "language_model.model.norm."},
      {"lm_head.", "language_model.lm_head."},
  }};
  if (file_name.ends_with("rotary_emb.inv_freq")) return std::nullopt;
  for (const auto& [found, canonical] : kRules) {
    if (!file_name.starts_with(found)) continue;
    return std::string(canonical).append(file_name.substr(found.size()));
  }
  return std::string(file_name);
}

}  // namespace vlsweep
