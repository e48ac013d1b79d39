#include "orchestrator/scheduler/residency.h"

#include <map>
#include <nlohmann/json.hpp>

namespace vlsweep {
namespace {

using nlohmann::json;

// The digest of the model that a spec begins from, or empty.
std::string base_digest(const std::string& spec) {
  const json parsed = json::parse(spec, nullptr, false);
  if (!parsed.is_object()) return {};
  for (const char* member : {"model", "base"}) {
    const auto found = parsed.find(member);
    if (found == parsed.end() || !found->is_object()) continue;
    const auto digest = found->find("digest");
    if (digest != found->end() && digest->is_string()) return digest->get<std::string>();
  }
  return {};
}

}  // namespace

std::vector<std::uint32_t> residency_groups(const Plan& plan) {
  std::vector<std::uint32_t> groups(plan.stages.size(), kNoGroup);
  std::map<std::string, std::uint32_t> bases;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const Stage& stage = plan.stages[i];
    if (!stage.parents.empty()) {
      groups[i] = stage.parents.front();
    } else if (stage.kind != StageKind::noop) {
      const std::string digest = base_digest(stage.spec);
      if (digest.empty()) continue;
      const auto next = static_cast<std::uint32_t>(plan.stages.size() + bases.size());
      groups[i] = bases.try_emplace(digest, next).first->second;
    }
  }
  return groups;
}

bool leaves_a_model(StageKind kind) {
  return kind == StageKind::pretrain || kind == StageKind::tune || kind == StageKind::noop;
}

}  // namespace vlsweep
