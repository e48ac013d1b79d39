// A run's folder, held by one launcher at a time.
//
// A value of one owner; the lock is kept until it is destroyed or the process ends.
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

#include "orchestrator/base/file.h"
#include "orchestrator/base/result.h"

namespace vlsweep {

class RunFolder {
 public:
  // Makes the folder and logs/ if need be, takes `lock`, and puts sweep.yaml and plan.json there,
  // durably, where they differ from what is there. busy: another process holds the run, by its pid.
  static Result<RunFolder> take(const std::filesystem::path& folder, std::string_view sweep_yaml,
                                std::string_view plan_json);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path logs() const { return path_ / "logs"; }

 private:
  RunFolder(std::filesystem::path path, FileLock lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  std::filesystem::path path_;
  FileLock lock_;
};

}  // namespace vlsweep
