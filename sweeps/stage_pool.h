// The stages of a plan under construction: each key once. Also how a key is made.
//
// A StagePool belongs to one thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "orchestrator/protocol/stage.h"

namespace vlsweep {

// SHA-256 of canonical JSON {"kind", "parents": [hex...], "spec" without members named "@..."}.
Key stage_key(StageKind kind, const nlohmann::json& spec, const std::vector<Key>& parents);

class StagePool {
 public:
  // The index of this stage, new or known; a known one keeps its name and cost.
  std::uint32_t add(StageKind kind, const nlohmann::json& spec, std::vector<std::uint32_t> parents,
                    std::string name, Resources resources, double cost_s);
  const Stage& operator[](std::uint32_t index) const { return stages_[index]; }
  std::size_t size() const { return stages_.size(); }
  std::vector<Stage> take() { return std::move(stages_); }

 private:
  std::vector<Stage> stages_;
  std::unordered_map<Key, std::uint32_t, KeyHash> by_key_;
};

}  // namespace vlsweep
