// Runs stages one after another and keeps warm what the next one may need: models as they were
// loaded, image features, data sets as they were read. No libtorch in this header.
//
// Belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "orchestrator/base/result.h"
#include "worker/trainer/stage/sink.h"
#include "worker/trainer/stage/spec.h"

namespace vlsweep {

struct DeviceFacts {
  std::string device;    // "cpu", "cuda:0"
  std::string versions;  // "libtorch 2.13.0"
  std::uint32_t gpus = 0;
  std::uint64_t gpu_memory = 0;  // bytes, of the first
};

class Workplace;

class StageRunner {
 public:
  // `device`: "cpu", "cuda", or "auto" for a CUDA device where there is one.
  // unavailable: a CUDA device was asked for and there is none.
  static Result<std::unique_ptr<StageRunner>> make(const std::string& device);
  ~StageRunner();

  const DeviceFacts& facts() const { return facts_; }

  // Runs a pretrain, tune or respond stage to its end; fills request.out. diverged, out_of_memory,
  // cancelled, invalid, io ...; no exception leaves.
  Result<StageOutcome> run(const StageRequest& request, StageSink& sink);

 private:
  StageRunner(std::unique_ptr<Workplace> workplace, DeviceFacts facts);

  std::unique_ptr<Workplace> workplace_;
  DeviceFacts facts_;
};

}  // namespace vlsweep
