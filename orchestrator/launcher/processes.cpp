#include "orchestrator/launcher/processes.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

namespace vlsweep {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Stat {
  char state = '?';
  pid_t parent = 0;
};

// /proc/PID/stat: "pid (name) state ppid ..."; the name may hold anything.
std::optional<Stat> read_stat(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  const std::size_t end = text.rfind(')');
  if (end == std::string::npos || end + 4 >= text.size()) return std::nullopt;
  Stat stat{text[end + 2], 0};
  std::from_chars(text.data() + end + 4, text.data() + text.size(), stat.parent);
  return stat;
}

std::set<pid_t> children() {
  std::set<pid_t> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc{} || *end != '\0') continue;
    if (const auto stat = read_stat(pid); stat && stat->parent == ::getpid()) found.insert(pid);
  }
  return found;
}

}  // namespace

ProcessState process_state(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat || stat->state == 'Z' || stat->state == 'X') return ProcessState::gone;
  return stat->state == 'T' ? ProcessState::frozen : ProcessState::running;
}

OrphanKeeper::OrphanKeeper() : before_(children()) { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

OrphanKeeper::~OrphanKeeper() { ::prctl(PR_SET_CHILD_SUBREAPER, 0); }

int OrphanKeeper::end_orphans(pid_t spared, milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  std::set<pid_t> ended;
  while (true) {
    bool any = false;
    for (const pid_t pid : children()) {
      if (pid == spared || before_.contains(pid)) continue;
      any = true;
      ended.insert(pid);
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, WNOHANG);
    }
    if (!any || steady_clock::now() > deadline) return static_cast<int>(ended.size());
    std::this_thread::sleep_for(milliseconds(2));
  }
}

}  // namespace vlsweep
