#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "orchestrator/cli/exit_status.h"
#include "orchestrator/cli/page.h"
#include "orchestrator/cli/run_place.h"
#include "orchestrator/cli/verbs.h"

namespace vlsweep {
namespace {

struct ServeOptions {
  std::string run;
  std::string runs = default_runs_folder().string();
  std::string address = "127.0.0.1:8000";
};

int serve(const ServeOptions& options) {
  const auto run = find_run(options.run, options.runs);
  if (!run) return report(run.error());
  const auto page = Page::serve(*run, options.address);
  if (!page) return report(page.error());
  std::cerr << "vlsweep: the page is at " << page->url() << "\nvlsweep: Ctrl-C ends it\n";
  Page::wait_for_interrupt();
  return kStatusDone;
}

}  // namespace

void add_serve(CLI::App& app, int& status) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* verb = app.add_subcommand("serve", "Serve the page of a run, running or not");
  verb->add_option("RUN", options->run, "A run's name or folder")->required();
  verb->add_option("--dir", options->runs, "The folder of runs")->capture_default_str();
  verb->add_option("--address", options->address, "[HOST:]PORT; port 0 takes any that is free")
      ->capture_default_str();
  verb->callback([options, &status] { status = serve(*options); });
}

}  // namespace vlsweep
