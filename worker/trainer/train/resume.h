// The folder in which a tune stage keeps what it goes on from after a cancel, a crash or a lost
// node: the loop's state, the optimizer's, the random generators'. Going on gives the very losses
// and weights that the stage would have had without the break (bit for bit on a CPU with the same
// number of threads). The position in the data is the number of steps done: orders and dropout
// masks hang on the seed and the step.
//
//   state-STEP.rank-RANK.safetensors   tensors, written first
//   state-STEP.rank-RANK.json          the rest, and the checksum of the tensors; whole once it is
//                                      there: both are written beside, fsynced and renamed
//
// The last two states are kept, so that one that is torn, or that a member of a gang has not got,
// is no loss of more than the time between two; the agent removes the folder once the stage's
// results are in the store. Belongs to one thread; each member of a gang has its own files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/trainer/format/safetensors.h"
#include "worker/trainer/parallel/process_group.h"
#include "worker/trainer/train/loop.h"
#include "worker/trainer/train/optimizer.h"

namespace vlsweep {

struct ResumePoint {
  TrainState train;
  std::int64_t micro_batch = 1;  // the size that fits the memory
};

class ResumeFolder {
 public:
  // `fits` is a digest of all that a state must fit: what was asked for, and of which data; a state
  // with another is not taken. What a killed process left half-written is removed.
  ResumeFolder(std::filesystem::path folder, std::string fits, int rank);

  Result<> save(const ResumePoint& point, const FlatAdamW& optimizer);

  // The newest state that all members have whole, put into the optimizer and the generators; empty
  // if there is none. Why newer ones were not taken is added to `note`.
  Result<std::optional<ResumePoint>> load(FlatAdamW& optimizer, ProcessGroup* gang,
                                          std::string& note);

 private:
  struct Found;
  std::filesystem::path file(std::int64_t step, const char* extension) const;
  std::vector<std::int64_t> steps() const;  // newest first
  Result<Found> read(std::int64_t step, const FlatAdamW& optimizer) const;
  void remove(std::int64_t step) const;

  std::filesystem::path folder_;
  std::string fits_;
  std::string rank_;                // ".rank-0"
  std::vector<std::int64_t> kept_;  // steps of this stage's own states, oldest first
};

}  // namespace vlsweep
