#include "storage/sweep_file.h"

#include <algorithm>
#include <variant>
#include <vector>

#include "orchestrator/base/file.h"
#include "storage/hdf5.h"
#include "storage/trial_table.h"
#include "storage/utf8.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

std::string link_name(const TrialStage& use, StageKind kind) {
  std::string name(stage_kind_name(kind));
  const std::string& which = kind == StageKind::tune ? use.role : use.suite;
  if (!which.empty()) name += "-" + which;
  std::replace(name.begin(), name.end(), '/', '_');
  return mend_utf8(name);
}

Result<> write_parameter(hdf5::Writer& writer, const std::string& group, const std::string& name,
                         const std::string& json) {
  const Value value = value_from_json(json);
  if (const auto* number = std::get_if<double>(&value))
    return writer.attribute(group, name, *number);
  if (const auto* flag = std::get_if<bool>(&value))
    return writer.attribute(group, name, std::int64_t{*flag});
  if (const auto* text = std::get_if<std::string>(&value))
    return writer.attribute(group, name, mend_utf8(*text));
  return {};  // null: the parameter does not apply
}

// For each stage the link's target, or nothing if the store has no file of it.
Result<std::vector<std::string>> link_targets(const fs::path& run_folder, const Plan& plan,
                                              const Store& store) {
  std::error_code error;
  const fs::path from = fs::weakly_canonical(run_folder, error);
  if (error) return std::unexpected(system_error("resolve", run_folder, error.value()));
  const fs::path store_folder = fs::weakly_canonical(store.folder(), error);
  if (error) return std::unexpected(system_error("resolve", store.folder(), error.value()));
  const Store resolved = Store::at(store_folder);
  std::vector<std::string> targets;
  for (const Stage& stage : plan.stages) {
    const fs::path file = resolved.stage_folder(stage.key) / "series.h5";
    const bool there = stage.kind != StageKind::noop && fs::exists(file, error);
    targets.push_back(there ? file.lexically_relative(from).string() : std::string());
  }
  return targets;
}

Result<> write_trial(hdf5::Writer& writer, const Plan& plan, const Trial& trial,
                     const std::vector<std::string>& targets) {
  const std::string group = "/trials/" + trial.id;
  VLSWEEP_CHECK_OK(writer.group(group));
  VLSWEEP_CHECK_OK(writer.attribute(group, "cell", std::int64_t{trial.cell}));
  VLSWEEP_CHECK_OK(writer.attribute(group, "seed", trial.seed));
  for (const auto& [name, json] : trial.parameters)
    if (name != "cell" && name != "seed")
      VLSWEEP_CHECK_OK(write_parameter(writer, group, mend_utf8(name), json));
  for (const TrialStage& use : trial.stages)
    if (!targets[use.stage].empty())
      VLSWEEP_CHECK_OK(writer.external_link(
          group + "/" + link_name(use, plan.stages[use.stage].kind), targets[use.stage], "/"));
  return {};
}

}  // namespace

Result<> write_sweep_file(const fs::path& run_folder, const Plan& plan, const Store& store) {
  VLSWEEP_TRY(const std::vector<std::string> targets, link_targets(run_folder, plan, store));
  VLSWEEP_TRY(hdf5::Writer writer, hdf5::Writer::create());
  VLSWEEP_CHECK_OK(writer.attribute("/", "name", mend_utf8(plan.name)));
  VLSWEEP_CHECK_OK(writer.attribute("/", "format", std::int64_t{1}));
  VLSWEEP_CHECK_OK(writer.group("/trials"));
  for (const Trial& trial : plan.trials)
    VLSWEEP_CHECK_OK(write_trial(writer, plan, trial, targets));
  return writer.save(run_folder / kSweepFileName);
}

}  // namespace vlsweep
