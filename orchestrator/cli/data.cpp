#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "orchestrator/cli/exit_status.h"
#include "orchestrator/cli/verbs.h"
#include "worker/data/read.h"
#include "worker/microworld/world.h"

namespace vlsweep {
namespace {

struct DataOptions {
  std::string file, images, format, part, out;
  std::uint64_t seed = 0;
};

int write_microworld(const DataOptions& options) {
  const Result<> written = write_world({.seed = options.seed}, options.out);
  if (!written) return report(written.error());
  std::cout << "the micro-world of seed " << options.seed << " is in " << options.out << '\n';
  return kStatusDone;
}

int check(const DataOptions& options) {
  const auto dataset = read_dataset({.format = options.format,
                                     .part = options.part,
                                     .annotations = options.file,
                                     .images = options.images});
  if (!dataset) return report(dataset.error());
  std::cout << dataset->samples.size() << " samples, " << dataset->num_bad << " bad\n";
  for (const BadSample& bad : dataset->bad)
    std::cout << "  " << bad.id_or_place << ": " << bad.reason << '\n';
  return dataset->num_bad == 0 ? kStatusDone : kStatusSomeFailed;
}

}  // namespace

void add_data(CLI::App& app, int& status) {
  auto options = std::make_shared<DataOptions>();
  CLI::App* data = app.add_subcommand("data", "Check a data set; write the micro-world's");
  data->require_subcommand(1);
  CLI::App* world = data->add_subcommand("microworld", "Write the quickstart's benign data sets");
  world->add_option("--out", options->out, "The folder to make")->required();
  world->add_option("--seed", options->seed, "Another seed, another world")->capture_default_str();
  world->callback([options, &status] { status = write_microworld(*options); });
  CLI::App* checking =
      data->add_subcommand("check", "Read a data set as a sweep would; name what is bad");
  checking->add_option("FILE", options->file, "The annotations: json or csv")->required();
  checking->add_option("--format", options->format, "llava, vlguard, advbench, xstest or figstep")
      ->required();
  checking->add_option("--images", options->images, "The folder of its images");
  checking->add_option("--part", options->part, "A part of it, such as vlguard's unsafe");
  checking->callback([options, &status] { status = check(*options); });
}

}  // namespace vlsweep
