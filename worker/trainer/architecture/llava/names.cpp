#include <array>
#include <utility>

#include "worker/trainer/architecture/llama/llama.h"
#include "worker/trainer/architecture/llava/llava.h"

namespace vlsweep {
namespace {

using Rule = std::pair<std::string_view, std::string_view>;  // prefix found -> prefix put there

// Files come with llava-hf's names on the hub (B, the canonical ones), liuhaotian's (A), those of
// transformers' memory since 4.52 (C), or transformers 5's own (no "vision_model."). In order: the
// first prefix that fits is replaced.
constexpr std::array<Rule, 9> kToCanonical{{
    {"model.vision_tower.vision_tower.vision_model.", "vision_tower.vision_model."},
    {"model.vision_tower.vision_model.", "vision_tower.vision_model."},
    {"model.vision_tower.", "vision_tower.vision_model."},
    {"vision_tower.vision_model.", "vision_tower.vision_model."},
    {"vision_tower.", "vision_tower.vision_model."},
    {"vision_model.", "vision_tower.vision_model."},
    {"model.mm_projector.0.", "multi_modal_projector.linear_1."},
    {"model.mm_projector.2.", "multi_modal_projector.linear_2."},
    {"model.multi_modal_projector.", "multi_modal_projector."},
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

std::optional<std::string> canonical_llava_name(std::string_view file_name) {
  for (std::string_view buffer : {"position_ids", "image_newline"}) {
    if (file_name.ends_with(buffer)) return std::nullopt;
  }
  for (const Rule& rule : kToCanonical) {
    if (file_name.starts_with(rule.first)) return replaced(file_name, rule);
  }
  return canonical_decoder_name(file_name);
}

std::string llava_module_name(std::string_view canonical_name) {
  for (const Rule& rule : kToModule) {
    if (canonical_name.starts_with(rule.first)) return replaced(canonical_name, rule);
  }
  return "model." + std::string(canonical_name);
}

}  // namespace vlsweep
