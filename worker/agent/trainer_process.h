// The trainer as a child process: started without MPI's environment, spoken to over a socket pair,
// dead when the agent dies. When it ends it says why, as far as that can be known.
//
// Belongs to one thread, the one that started it.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/child_process.h"
#include "worker/agent/trainer_message.h"
#include "worker/frame/frame.h"

namespace vlsweep {

// Where in a log a process's own lines begin.
struct LogPlace {
  std::filesystem::path path;
  std::uint64_t begin = 0;
};

class TrainerProcess {
 public:
  // `arguments`: the program and what stands before `--serve-fd 3`; `log` takes its output.
  static Result<std::unique_ptr<TrainerProcess>> start(std::vector<std::string> arguments,
                                                       const std::filesystem::path& log);
  // Of a started child and our end of its socket; see start().
  TrainerProcess(ChildProcess child, int socket, LogPlace log);
  TrainerProcess(const TrainerProcess&) = delete;
  TrainerProcess& operator=(const TrainerProcess&) = delete;
  // Kills it if it lives.
  ~TrainerProcess();

  pid_t pid() const { return child_.pid(); }
  // To wait on: readable when poll() has something.
  int descriptor() const { return socket_; }

  // The next message, or nothing yet. unavailable: it has closed its end (then see end());
  // corrupt: it does not keep to the protocol.
  Result<std::optional<TrainerMessage>> poll();
  // Never waits; what the socket does not take at once goes with a later flush().
  Result<> send(const nlohmann::json& message) { return writer_.write(message); }
  Result<> flush() { return writer_.flush(); }

  // Ends it, if need be by SIGKILL, and says what happened. `why` is our reason to kill it; without
  // one it has ended by itself: out_of_memory, internal (a crash) or unavailable (killed).
  Error end(std::optional<Error> why = std::nullopt);
  // Asks it to exit and gives it `grace` to do so.
  void dismiss(std::chrono::milliseconds grace);

 private:
  std::optional<ExitStatus> wait_for(std::chrono::milliseconds time);
  Error describe(const ExitStatus& status) const;
  std::string log_hint() const;

  ChildProcess child_;
  int socket_;
  FrameReader reader_;
  FrameWriter writer_;
  LogPlace log_;
  std::uint64_t oom_kills_;  // of the kernel, when it was started
};

// An environment without the variables by which a process takes itself for an MPI rank.
std::vector<std::string> without_mpi(std::vector<std::string> environment);

}  // namespace vlsweep
