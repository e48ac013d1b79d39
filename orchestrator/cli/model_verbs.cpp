// vlsweep generate, logits, tokenize, chat: the trainer's commands, whose options are its own.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "orchestrator/base/file.h"
#include "orchestrator/cli/exit_status.h"
#include "orchestrator/cli/trainer_program.h"
#include "orchestrator/cli/verbs.h"

namespace vlsweep {
namespace {

// Becomes the trainer; comes back only if it cannot.
Result<> become_trainer(const std::string& verb, std::vector<std::string> words) {
  VLSWEEP_TRY(const auto trainer, find_trainer());
  std::string program = trainer.string(), command = verb;
  std::vector<char*> arguments{program.data(), command.data()};
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::signal(SIGPIPE, SIG_DFL);  // main() ignores it, and an exec keeps that
  ::execv(program.c_str(), arguments.data());
  return std::unexpected(system_error("start", trainer, errno));
}

}  // namespace

void add_model_verbs(CLI::App& app, int& status) {
  for (const auto& [verb, description] : {std::pair("generate", "Let a model answer prompts"),
                                          {"logits", "Show what a model expects behind a prompt"},
                                          {"tokenize", "Cut a text into a model's tokens"},
                                          {"chat", "Talk with a model"}}) {
    CLI::App* command = app.add_subcommand(verb, description)->prefix_command();
    command->set_help_flag();  // the trainer has its own
    command->callback([command, name = std::string(verb), &status] {
      const auto done = become_trainer(name, command->remaining());
      if (!done) status = report(done.error());
    });
  }
}

}  // namespace vlsweep
