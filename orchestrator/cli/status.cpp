#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "orchestrator/cli/exit_status.h"
#include "orchestrator/cli/run_place.h"
#include "orchestrator/cli/verbs.h"
#include "web/view.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct StatusOptions {
  std::string run;
  std::string runs = default_runs_folder().string();
  bool as_json = false;
};

Result<json> state_of(const fs::path& run) {
  VLSWEEP_TRY(RunReader reader, RunReader::open(run));
  return run_state(reader, 5);
}

void print_state(const json& state) {
  const json& counts = state["counts"];
  const auto count = [&](const char* name) { return counts[name].get<std::uint64_t>(); };
  std::cout << state["run"]["name"].get<std::string>() << ": "
            << state["run"]["state"].get<std::string>()
            << "\n  stages: " << count("done") + count("reused") << " of " << count("planned")
            << " done (" << count("reused") << " reused), " << count("running") << " running, "
            << count("waiting") << " waiting, " << count("failed")
            << " failed\n  trials: " << state["trials"]["done"] << " of "
            << state["trials"]["total"] << " done\n";
  if (state["run"]["state"] == "running" && state.contains("eta_s"))
    std::cout << "  about " << state["eta_s"] << " s to go\n";
  for (const json& rank : state["ranks"]) {
    std::cout << "  rank " << rank["rank"] << " (" << rank["host"].get<std::string>()
              << "): " << rank["state"].get<std::string>();
    if (rank.contains("stage")) std::cout << ", " << rank["stage"].get<std::string>();
    if (rank.contains("step")) std::cout << ", step " << rank["step"] << " of " << rank["steps"];
    std::cout << '\n';
  }
  if (state["trouble"].is_string())
    std::cout << "  " << state["trouble"].get<std::string>() << '\n';
}

int show_status(const StatusOptions& options) {
  const auto run = find_run(options.run, options.runs);
  if (!run) return report(run.error());
  const auto state = state_of(*run);
  if (!state) return report(state.error());
  if (options.as_json) {
    std::cout << state->dump(2, ' ', false, json::error_handler_t::replace) << '\n';
  } else {
    print_state(*state);
  }
  return (*state)["counts"]["failed"] == 0 ? kStatusDone : kStatusSomeFailed;
}

std::vector<fs::path> runs_in(const fs::path& folder) {
  std::vector<fs::path> runs;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (fs::exists(entry.path() / "plan.json", ignored)) runs.push_back(entry.path());
  std::ranges::sort(runs);
  return runs;
}

int list_runs(const StatusOptions& options) {
  json rows = json::array();
  for (const fs::path& run : runs_in(options.runs)) {
    auto state = state_of(run);
    json row = {{"name", run.filename().string()}, {"state", "waiting"}, {"path", run.string()}};
    if (state) {
      row["state"] = (*state)["run"]["state"];
      row["trials"] = (*state)["trials"];
      row["counts"] = (*state)["counts"];
    } else if (state.error().code != Errc::not_found) {
      row["state"] = "unreadable: " + state.error().text();
    }
    rows.push_back(std::move(row));
  }
  if (options.as_json) {
    std::cout << rows.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
    return kStatusDone;
  }
  for (const json& row : rows) {
    std::cout << row["name"].get<std::string>() << "  " << row["state"].get<std::string>();
    if (row.contains("trials"))
      std::cout << "  " << row["trials"]["done"] << " of " << row["trials"]["total"]
                << " trials done";
    std::cout << '\n';
  }
  return kStatusDone;
}

}  // namespace

void add_status(CLI::App& app, int& status) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* verb = app.add_subcommand("status", "Show how far a run is");
  verb->add_option("RUN", options->run, "A run's name or folder")->required();
  verb->add_option("--dir", options->runs, "The folder of runs")->capture_default_str();
  verb->add_flag("--json", options->as_json, "One JSON object");
  verb->callback([options, &status] { status = show_status(*options); });
}

void add_ls(CLI::App& app, int& status) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* verb = app.add_subcommand("ls", "List the runs");
  verb->add_option("--dir", options->runs, "The folder of runs")->capture_default_str();
  verb->add_flag("--json", options->as_json, "One JSON list");
  verb->callback([options, &status] { status = list_runs(*options); });
}

}  // namespace vlsweep
