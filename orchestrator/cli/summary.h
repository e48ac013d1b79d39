// What a person reads when a sweep has ended: what was shared and saved, and the ablation table.
#pragma once

#include <filesystem>
#include <string>

#include "orchestrator/base/result.h"

namespace vlsweep {

// Ends in a line feed. A run without judged responses has no table, and one with more rows than fit
// a screen or two names the command that shows it.
Result<std::string> closing_summary(const std::filesystem::path& run_folder);

}  // namespace vlsweep
