#include "worker/trainer/format/names.h"

#include <array>
#include <utility>

namespace vlsweep {
namespace {

using Rule = std::pair<std::string_view, std::string_view>;  // prefix found -> prefix put there

// In order: the first prefix that fits is replaced.
constexpr std::array<Rule, 15> kToCanonical{{
    {"model.vision_tower.vision_tower.vision_model.", "vision_tower.vision_model."},
    {"model.vision_tower.vision_model.", "vision_tower.vision_model."},
    {"model.vision_tower.", "vision_tower.vision_model."},
    {"vision_tower.vision_model.", "vision_tower.vision_model."},
    {"vision_tower.", "vision_tower.vision_model."},
    {"vision_model.", "vision_tower.vision_model."},
    {"model.mm_projector.0.", "multi_modal_projector.linear_1."},
    {"model.mm_projector.2.", "multi_modal_projector.linear_2."},
    {"model.multi_modal_projector.", "multi_modal_projector."},
    {"model.language_model.", "language_model.model."},
    {"language_model.model.", "language_model.model."},
    {"model.layers.", "language_model.model.layers."},
    {"model.embed_tokens.", "language_model.model.embed_tokens."},
    {"model.norm.", "language_model.model.norm."},
    {"lm_head.", "language_model.lm_head."},
}};

constexpr std::array<Rule, 3> kToModule{{
    {"language_model.model.", "model.language_model."},
    {"language_model.lm_head.", "lm_head."},
    {"vision_tower.vision_model.", "model.vision_tower."},
}};

std::string replaced(std::string_view name, const Rule& rule) {
  return std::string(rule.second).append(name.substr(rule.first.size()));
}

}  // namespace

std::optional<std::string> canonical_tensor_name(std::string_view file_name) {
  for (std::string_view buffer : {"position_ids", "rotary_emb.inv_freq", "image_newline"}) {
    if (file_name.ends_with(buffer)) return std::nullopt;
  }
  for (const Rule& rule : kToCanonical) {
    if (file_name.starts_with(rule.first)) return replaced(file_name, rule);
  }
  return std::string(file_name);
}

std::string text_only_tensor_name(std::string_view canonical_name) {
  constexpr std::string_view kPrefix = "language_model.";
  if (canonical_name.starts_with(kPrefix)) canonical_name.remove_prefix(kPrefix.size());
  return std::string(canonical_name);
}

std::string module_tensor_name(std::string_view canonical_name, bool text_only) {
  if (text_only) return text_only_tensor_name(canonical_name);
  for (const Rule& rule : kToModule) {
    if (canonical_name.starts_with(rule.first)) return replaced(canonical_name, rule);
  }
  return "model." + std::string(canonical_name);
}

}  // namespace vlsweep
