// What a person reads when a sweep has ended: what was shared and saved, and the ablation table.
#pragma once

#include <filesystem>
#include <string>

#include "orchestrator/base/result.h"

namespace vlsweep {

// Ends in a line feed. A run of noop stages has no table.
Result<std::string> closing_summary(const std::filesystem::path& run_folder);

}  // namespace vlsweep
