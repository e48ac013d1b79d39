// The launcher's view of progress, read from results.db.
//
// One thread.
#pragma once

#include <filesystem>
#include <optional>

#include "orchestrator/launcher/run_status.h"
#include "storage/run_reader.h"

namespace vlsweep {

class ResultsStatus : public StatusSource {
 public:
  explicit ResultsStatus(std::filesystem::path run_folder) : run_folder_(std::move(run_folder)) {}
  RunStatus status() override;

 private:
  std::filesystem::path run_folder_;
  std::optional<RunReader> reader_;  // once the coordinator has made the database
};

}  // namespace vlsweep
