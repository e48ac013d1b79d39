#include "worker/trainer/command/commands.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>

#include "worker/trainer/train/micro_batches.h"

namespace vlsweep {
namespace {

struct Runnable {
  Command command;
  Result<> (*run)(const CommandOptions&);
};

constexpr std::string_view kStatuses =
    "exit status: 0 done, 1 interrupted, 2 bad usage or model, 3 infrastructure, 4 not found\n";

const std::array<Runnable, 4>& runnables() {
  static const std::array<Runnable, 4> all{
      Runnable{{"generate",
                "A model answers one prompt or many (batched; answers come in the prompts' order).",
                "--json prints {\"id\"?, \"prompt_ids\", \"output_ids\", \"text\"}; output_ids has "
                "the end token\nthat ended the answer, text stops before a stop text.\n",
                {"--model", "--adapter", "--image", "--prompt", "--prompt-file", "--raw",
                 "--system", "--max-new-tokens", "--min-new-tokens", "--temperature", "--top-p",
                 "--seed", "--stop", "--image-mode", "--dtype", "--device", "--threads", "--json"}},
               run_generate},
      Runnable{{"logits",
                "What a model holds for the next token behind a prompt.",
                "--json prints {\"id\"?, \"prompt_ids\", \"logits\"}: the last position's, in "
                "float32; without it\nthe likeliest tokens are shown.\n",
                {"--model", "--adapter", "--image", "--prompt", "--prompt-file", "--raw",
                 "--system", "--image-mode", "--dtype", "--device", "--threads", "--json"}},
               run_logits},
      Runnable{{"tokenize",
                "A text as the ids that the model's tokenizer gives for it, bos and all.",
                "--json prints {\"ids\", \"tokens\"}.\n",
                {"--model", "--text", "--json"}},
               run_tokenize},
      Runnable{
          {"chat",
           "A conversation with a model at the terminal.",
           "/image FILE shows an image (and begins anew), /new begins anew, /quit or Ctrl-D "
           "ends;\nCtrl-C stops an answer.\n",
           {"--model", "--adapter", "--image", "--system", "--max-new-tokens", "--temperature",
            "--top-p", "--seed", "--stop", "--image-mode", "--dtype", "--device", "--threads"}},
          run_chat},
  };
  return all;
}

int report(std::string_view command, const Error& error) {
  std::fprintf(stderr, "vlsweep %s: %s\n", std::string(command).c_str(), error.text().c_str());
  switch (error.code) {
    case Errc::invalid:
      return 2;
    case Errc::not_found:
      return 4;
    case Errc::cancelled:
      return 1;
    default:
      return 3;
  }
}

// Exceptions of libtorch stop here.
Result<> run_guarded(const Runnable& runnable, const CommandOptions& options) {
  try {
    return runnable.run(options);
  } catch (const std::exception& error) {
    if (is_out_of_memory())
      return fail(Errc::out_of_memory,
                  "memory ran out; lower --max-new-tokens or ask less at once");
    const std::string text = error.what();
    return fail(Errc::internal, text.substr(0, text.find('\n')));
  }
}

}  // namespace

std::optional<int> run_command(std::span<const std::string_view> words) {
  if (words.empty()) return std::nullopt;
  const auto found = std::ranges::find(runnables(), words.front(),
                                       [](const Runnable& each) { return each.command.name; });
  if (found == runnables().end()) return std::nullopt;
  const Command& command = found->command;
  const auto options = parse_options(command, words.subspan(1));
  if (!options) return report(command.name, options.error());
  if (options->help) {
    std::fputs((help_text(command) + std::string(kStatuses)).c_str(), stdout);
    return 0;
  }
  if (options->model.empty())
    return report(command.name, {Errc::invalid, "give a model: --model DIR", ""});
  const Result<> done = run_guarded(*found, *options);
  return done ? 0 : report(command.name, done.error());
}

}  // namespace vlsweep
