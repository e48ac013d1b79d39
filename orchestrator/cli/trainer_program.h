// Where this program and the trainer beside it are. Free functions; safe from any thread.
#pragma once

#include <filesystem>

#include "orchestrator/base/result.h"

namespace vlsweep {

Result<std::filesystem::path> this_program();
// $VLSWEEP_TRAINER, or the trainer that was built beside this program. unavailable: neither is one.
Result<std::filesystem::path> find_trainer();

}  // namespace vlsweep
