// vlsweep-trainer: trains and asks vision-language models, in the service of an agent
// (--serve-fd N) or one stage by hand (stage.json = the agent's "run" message).
#include <charconv>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/file.h"
#include "worker/trainer/command/commands.h"
#include "worker/trainer/serve/report.h"
#include "worker/trainer/serve/server.h"
#include "worker/trainer/stage/runner.h"

namespace vlsweep {
namespace {

constexpr std::uint64_t kMaxRequestBytes = 64U << 20;
constexpr const char* kUsage =
    "usage: vlsweep-trainer [--device auto|cpu|cuda] stage.json | --serve-fd N | --version\n"
    "       vlsweep-trainer generate|logits|tokenize|chat --help\n"
    "  stage.json   one stage as the agent would send it; progress goes to standard error,\n"
    "               responses and the closing message to standard output, one JSON a line\n";

struct Arguments {
  std::string device = "auto";
  std::string stage_file;
  int serve_fd = -1;
  bool version = false;
};

Result<Arguments> parse_arguments(const std::vector<std::string_view>& words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const std::string_view next = i + 1 < words.size() ? words[i + 1] : std::string_view();
    if (word == "--version") {
      arguments.version = true;
    } else if (word == "--device" && !next.empty()) {
      arguments.device = words[++i];
    } else if (word == "--serve-fd" &&
               std::from_chars(next.data(), next.data() + next.size(), arguments.serve_fd).ec ==
                   std::errc{}) {
      ++i;
    } else if (!word.starts_with('-') && arguments.stage_file.empty()) {
      arguments.stage_file = word;
    } else {
      return fail(Errc::invalid, "does not understand \"" + std::string(word) + "\"");
    }
  }
  if (!arguments.version && arguments.stage_file.empty() == (arguments.serve_fd < 0))
    return fail(Errc::invalid, "needs either a stage.json or --serve-fd N");
  return arguments;
}

Result<StageRequest> read_stage_file(const std::string& path) {
  VLSWEEP_TRY(const std::string text, read_file(path, kMaxRequestBytes));
  const auto message = nlohmann::json::parse(text, nullptr, false);
  if (message.is_discarded()) return fail(Errc::invalid, "is not JSON", path);
  auto request = read_request(message);
  if (!request) return with_context(request.error(), path);
  return request;
}

Result<> run_by_hand(const std::string& path, StageRunner& runner) {
  VLSWEEP_TRY(const StageRequest request, read_stage_file(path));
  const std::atomic<bool> never = false;
  const auto print = [](const nlohmann::json& message) {
    (message["type"] == "progress" ? std::cerr : std::cout)
        << message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
  };
  ReportSink sink(request, print, never);
  const auto outcome = runner.run(request, sink);
  sink.flush();
  print(outcome ? done_message(request, *outcome)
                : failed_message(request.stage, request.attempt, outcome.error()));
  if (!outcome) return std::unexpected(outcome.error());
  return {};
}

int exit_status(const Error& error) {
  std::fprintf(stderr, "vlsweep-trainer: %s\n", error.text().c_str());
  switch (error.code) {
    case Errc::invalid:
      return 2;
    case Errc::not_found:
      return 4;
    case Errc::diverged:
    case Errc::cancelled:
      return 1;
    default:
      return 3;
  }
}

int run(const std::vector<std::string_view>& words) {
  if (const auto status = run_command(words)) return *status;
  const auto arguments = parse_arguments(words);
  if (!arguments) {
    std::fputs(kUsage, stderr);
    return exit_status(arguments.error());
  }
  const auto runner = StageRunner::make(arguments->device);
  if (!runner) return exit_status(runner.error());
  if (arguments->version) {
    std::cout << "vlsweep-trainer " VLSWEEP_VERSION " (" << (*runner)->facts().versions << ", "
              << (*runner)->facts().device << ")\n";
    return 0;
  }
  const Result<> done = arguments->serve_fd >= 0 ? serve(arguments->serve_fd, **runner)
                                                 : run_by_hand(arguments->stage_file, **runner);
  return done ? 0 : exit_status(done.error());
}

}  // namespace
}  // namespace vlsweep

int main(int argc, char** argv) {
  return vlsweep::run(std::vector<std::string_view>(argv + 1, argv + argc));
}
