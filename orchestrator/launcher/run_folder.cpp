#include "orchestrator/launcher/run_folder.h"

#include <string>

namespace vlsweep {
namespace {

constexpr std::uint64_t kMaxPlanBytes = std::uint64_t{4} << 30;

Result<> put(const std::filesystem::path& path, std::string_view text) {
  const auto present = read_file(path, kMaxPlanBytes);
  if (present && *present == text) return {};
  return write_file_durably(path, text);
}

}  // namespace

Result<RunFolder> RunFolder::take(const std::filesystem::path& folder, std::string_view sweep_yaml,
                                  std::string_view plan_json) {
  const std::filesystem::path path = std::filesystem::absolute(folder).lexically_normal();
  VLSWEEP_CHECK_OK(make_folders(path / "logs"));
  VLSWEEP_TRY(FileLock lock, FileLock::take(path / "lock"));
  VLSWEEP_CHECK_OK(put(path / "sweep.yaml", sweep_yaml));
  VLSWEEP_CHECK_OK(put(path / "plan.json", plan_json));
  return RunFolder(path, std::move(lock));
}

}  // namespace vlsweep
