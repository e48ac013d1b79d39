// A model's parameters out of safetensors files. Where the device, the type and the layout allow it
// a parameter is the file's own mapped bytes (private to the process, so that it may be trained);
// fused parameters (q/k/v, gate/up) are so where the file has their parts one behind the other, as
// vlsweep writes them, and are copied else. One thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/trainer/format/safetensors.h"
#include "worker/trainer/model/vision_language_model.h"

namespace vlsweep {

// What does not fit between a file and the model, gathered for one error.
struct Misfits {
  std::vector<std::string> missing, unexpected, misshapen;

  void check_shape(const TensorView& view, const at::Tensor& target);
  Result<> status(const std::filesystem::path& folder) const;
};

// Fills every parameter from the files of `folder` and, for a tower that they lack, from those of
// the folder that config.json names for it. A misfit is an error that names every tensor at fault.
Result<> fill_model(VisionLanguageModel& model, const std::filesystem::path& folder);

}  // namespace vlsweep
