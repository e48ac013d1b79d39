// A program started as a child: its own output file, no descriptor but those it is given, dead when
// its parent dies. For the agent's trainer and the launcher's mpirun.
//
// A ChildProcess belongs to one thread, the one that started it, and that thread must outlive it:
// the kernel's death signal follows the thread that forked.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct SpawnOptions {
  std::vector<std::string> arguments;  // the first is the program, sought in PATH if it has no '/'
  std::vector<std::string> environment;  // all of it, "NAME=value"
  std::filesystem::path log;             // standard output and error, appended; input is empty
  int descriptor = -1;                   // becomes the child's descriptor 3, if not negative
  bool own_group = false;                // leads a process group of its own
};

// How a child ended.
struct ExitStatus {
  int code = 0;    // if it was not signalled
  int signal = 0;  // 0: it ended by itself
  bool success() const { return signal == 0 && code == 0; }
  // "exit status 3", "SIGKILL (killed)"
  std::string text() const;
};

class ChildProcess {
 public:
  // not_found: there is no such program. The child has been started when this returns.
  static Result<ChildProcess> spawn(const SpawnOptions& options);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  // Kills the child (its group, if it leads one) and waits for it.
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  // How it ended, or nothing while it lives.
  std::optional<ExitStatus> poll();
  // Waits for its end.
  ExitStatus wait();
  // To the child, or to its group; nothing once it has ended.
  void signal(int number);

 private:
  ChildProcess(pid_t pid, bool own_group) : pid_(pid), own_group_(own_group) {}
  pid_t pid_ = -1;
  bool own_group_ = false;
  std::optional<ExitStatus> ended_;
};

// The environment of this process, "NAME=value".
std::vector<std::string> current_environment();

// From now on the kernel kills this process when its parent dies (SIGKILL). A parent that is dead
// already is `unavailable`: the caller should end at once.
Result<> die_with_parent();

}  // namespace vlsweep
