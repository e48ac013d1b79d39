#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "orchestrator/base/file.h"
#include "orchestrator/cli/exit_status.h"
#include "orchestrator/cli/run_place.h"
#include "orchestrator/cli/verbs.h"
#include "orchestrator/coordinator/journal.h"
#include "storage/projection.h"

namespace vlsweep {
namespace {

struct RebuildOptions {
  std::string run;
  std::string runs = default_runs_folder().string();
};

Result<std::uint64_t> rebuild(const std::filesystem::path& run) {
  VLSWEEP_TRY(const FileLock lock, FileLock::take(run / "lock"));
  VLSWEEP_TRY(const Plan plan, load_plan(run));
  const std::filesystem::path path = run / "journal";
  VLSWEEP_TRY(auto file, open_append_file(path));
  std::vector<Event> events;
  VLSWEEP_TRY(const Journal journal,
              Journal::open(std::move(file), path.string(),
                            [&events](Event&& event) { events.push_back(std::move(event)); }));
  VLSWEEP_CHECK_OK(rebuild_results(run, plan, events));
  return journal.num_events();
}

int rebuild_verb(const RebuildOptions& options) {
  const auto run = find_run(options.run, options.runs);
  if (!run) return report(run.error());
  const auto events = rebuild(*run);
  if (!events) return report(events.error());
  std::cout << "results.db made anew from " << *events << " events\n";
  return kStatusDone;
}

}  // namespace

void add_rebuild(CLI::App& app, int& status) {
  auto options = std::make_shared<RebuildOptions>();
  CLI::App* verb = app.add_subcommand("rebuild", "Make results.db anew from a run's journal");
  verb->add_option("RUN", options->run, "A run's name or folder")->required();
  verb->add_option("--dir", options->runs, "The folder of runs")->capture_default_str();
  verb->callback([options, &status] { status = rebuild_verb(*options); });
}

}  // namespace vlsweep
