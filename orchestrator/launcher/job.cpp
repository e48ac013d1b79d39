#include "orchestrator/launcher/job.h"

#include <signal.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <thread>
#include <utility>

namespace vlsweep {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kOrphanPatience{5'000};

// The pid in a file; nothing while there is none.
std::optional<pid_t> read_pid(const std::filesystem::path& path) {
  const auto text = read_file(path, 64);
  if (!text) return std::nullopt;
  pid_t pid = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), pid);
  if (parsed.ec != std::errc{} || pid <= 1) return std::nullopt;
  return pid;
}

std::uint64_t size_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

}  // namespace

Result<Job> Job::start(const Mpirun& mpirun, const RunFolder& run, const LaunchOptions& options) {
  std::error_code ignored;
  std::filesystem::remove(run.path() / "coordinator.pid", ignored);
  const std::filesystem::path log = run.logs() / "mpirun.log";
  const std::uint64_t begin = size_of(log);
  VLSWEEP_TRY(
      ChildProcess child,
      ChildProcess::spawn({.arguments = mpirun_arguments(mpirun, options.ranks + 1,
                                                         is_single_host(), options.rank_command),
                           .environment = mpirun_environment(),
                           .log = log,
                           .own_group = true}));
  return Job(std::move(child), run, options, begin);
}

Job::Job(ChildProcess mpirun, const RunFolder& run, const LaunchOptions& options,
         std::uint64_t log_begin)
    : mpirun_(std::move(mpirun)),
      pid_file_(run.path() / "coordinator.pid"),
      log_(run.logs() / "mpirun.log"),
      log_begin_(log_begin),
      frozen_limit_(options.frozen_limit),
      start_deadline_(steady_clock::now() + options.start_patience) {}

Job::State Job::look(Time now) {
  if (mpirun_.poll()) return State::over;
  return coordinator_is_lost(now) ? State::headless : State::alive;
}

bool Job::coordinator_is_lost(Time now) {
  if (!coordinator_) {
    const auto pid = read_pid(pid_file_);
    if (!pid) return now > start_deadline_;
    // A coordinator on another host is never seen alive here; then only mpirun's end tells.
    if (process_state(*pid) == ProcessState::gone && !is_single_host()) return false;
    coordinator_ = pid;
  }
  const ProcessState state = process_state(*coordinator_);
  if (state != ProcessState::frozen) frozen_since_.reset();
  if (state == ProcessState::frozen && !frozen_since_) frozen_since_ = now;
  return state == ProcessState::gone || (frozen_since_ && now - *frozen_since_ > frozen_limit_);
}

bool Job::ask_to_stop() {
  if (!coordinator_) return false;
  ::kill(*coordinator_, SIGINT);
  return true;
}

void Job::end(OrphanKeeper& orphans, milliseconds patience) {
  mpirun_.signal(SIGTERM);
  const auto deadline = steady_clock::now() + patience;
  while (!mpirun_.poll() && steady_clock::now() < deadline)
    std::this_thread::sleep_for(milliseconds(5));
  mpirun_.signal(SIGKILL);
  mpirun_.wait();
  orphans.end_orphans(mpirun_.pid(), kOrphanPatience);
}

std::string Job::last_words() const {
  constexpr std::uint64_t kLook = 16384;
  const std::uint64_t size = size_of(log_);
  std::ifstream file(log_, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(std::max(log_begin_, size > kLook ? size - kLook : 0)));
  std::string line, last, complaint;
  while (std::getline(file, line)) {
    if (const std::size_t at = line.find("vlsweep: "); at != std::string::npos)
      complaint = line.substr(at + 9);
    if (line.find_first_not_of(" \t\r-") != std::string::npos) last = line;
  }
  return (complaint.empty() ? last : complaint).substr(0, 500);
}

}  // namespace vlsweep
