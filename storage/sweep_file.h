// sweep.h5 of a run: one tree over the stages' series.h5, for h5py and pandas.
//   /trials/<trial id>            attributes: cell, seed and the parameters
//   /trials/<trial id>/<stage>    external link to the stage's series.h5 in the store, where
//   <stage>
//                                 is pretrain, tune-vision_language, tune-safety, respond-<suite>,
//                                 judge-<suite>
// Links are relative, so run and store may be moved together. Stages without a file have no link.
//
// Free function, safe from any thread.
#pragma once

#include <filesystem>

#include "orchestrator/base/result.h"
#include "orchestrator/protocol/plan.h"
#include "storage/store.h"

namespace vlsweep {

inline constexpr const char* kSweepFileName = "sweep.h5";

// Replaces RUN_FOLDER/sweep.h5 durably with what the store holds now.
Result<> write_sweep_file(const std::filesystem::path& run_folder, const Plan& plan,
                          const Store& store);

}  // namespace vlsweep
