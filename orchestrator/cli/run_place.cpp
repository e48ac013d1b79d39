#include "orchestrator/cli/run_place.h"

#include <cstdlib>

#include "orchestrator/base/file.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxPlan = std::uint64_t{4} << 30;

std::string names_of_runs(const fs::path& runs) {
  std::string names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(runs, ignored)) {
    if (!fs::exists(entry.path() / "plan.json", ignored)) continue;
    names += (names.empty() ? "" : ", ") + entry.path().filename().string();
  }
  return names.empty() ? "there are none" : "there are: " + names;
}

}  // namespace

fs::path default_runs_folder() {
  const char* folder = std::getenv("VLSWEEP_DIR");
  return folder == nullptr || *folder == '\0' ? "runs" : folder;
}

Result<fs::path> find_run(const std::string& run, const fs::path& runs) {
  std::error_code ignored;
  for (const fs::path& place : {fs::path(run), runs / run})
    if (fs::exists(place / "plan.json", ignored)) return fs::absolute(place).lexically_normal();
  return fail(Errc::not_found,
              "no run of this name in " + runs.string() + " and no run folder at this path; " +
                  names_of_runs(runs),
              run);
}

fs::path store_of(const fs::path& run_folder) {
  fs::path folder = run_folder;
  if (!folder.has_filename()) folder = folder.parent_path();
  return folder.parent_path() / ".store";
}

Result<Plan> load_plan(const fs::path& run_folder) {
  VLSWEEP_TRY(const std::string text, read_file(run_folder / "plan.json", kMaxPlan));
  auto plan = plan_from_json(text);
  if (!plan) {
    Error error = plan.error();
    error.where = (run_folder / "plan.json").string();
    return std::unexpected(std::move(error));
  }
  return plan;
}

}  // namespace vlsweep
