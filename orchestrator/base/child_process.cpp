#include "orchestrator/base/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "orchestrator/base/file.h"

namespace vlsweep {
namespace {

constexpr int kGivenDescriptor = 3;

// What the child needs between fork and exec, where nothing may be allocated.
struct Start {
  std::vector<char*> arguments;
  std::vector<char*> environment;
  int input = -1;
  int output = -1;
  int given = -1;
  int failure = -1;  // the pipe that carries errno; closed by a successful exec
  bool own_group = false;
  pid_t parent = 0;
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_DFL);
}

// Descriptors from 4 on (MPI leaves some open) close when the program starts.
void close_others_on_exec() {
  constexpr unsigned int kFirst = kGivenDescriptor + 1;
  if (::close_range(kFirst, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  for (int fd = kFirst; fd < 4096; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

[[noreturn]] void run_child(const Start& start) {
  if (start.own_group) ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != start.parent) ::_exit(127);  // it died before the line above
  reset_signals();
  // All sources lie above 3 (see above_standard), so no dup2 overwrites one still needed.
  ::dup2(start.input, STDIN_FILENO);
  ::dup2(start.output, STDOUT_FILENO);
  ::dup2(start.output, STDERR_FILENO);
  if (start.given >= 0)
    ::dup2(start.given, kGivenDescriptor);
  else
    ::close(kGivenDescriptor);
  close_others_on_exec();
  ::execvpe(start.arguments[0], start.arguments.data(), start.environment.data());
  const int number = errno;
  [[maybe_unused]] const ssize_t n = ::write(start.failure, &number, sizeof number);
  ::_exit(127);
}

// A descriptor that closes itself, moved above those that the child sets up.
class HighDescriptor {
 public:
  explicit HighDescriptor(int fd) {
    if (fd < 0) return;
    fd_ = ::fcntl(fd, F_DUPFD_CLOEXEC, kGivenDescriptor + 1);
    ::close(fd);
  }
  HighDescriptor(const HighDescriptor&) = delete;
  HighDescriptor& operator=(const HighDescriptor&) = delete;
  ~HighDescriptor() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// The errno of a failed exec, or 0: a successful one closes the pipe.
int exec_failure(int pipe_end) {
  int number = 0;
  while (true) {
    const ssize_t n = ::read(pipe_end, &number, sizeof number);
    if (n < 0 && errno == EINTR) continue;
    return n == static_cast<ssize_t>(sizeof number) ? number : 0;
  }
}

}  // namespace

std::string ExitStatus::text() const {
  if (signal == 0) return "exit status " + std::to_string(code);
  const char* name = ::sigabbrev_np(signal);
  const char* meaning = ::sigdescr_np(signal);
  if (name == nullptr || meaning == nullptr) return "signal " + std::to_string(signal);
  return "SIG" + std::string(name) + " (" + meaning + ")";
}

Result<ChildProcess> ChildProcess::spawn(const SpawnOptions& options) {
  if (options.arguments.empty()) return fail(Errc::internal, "no program to start");
  HighDescriptor input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  HighDescriptor output(
      ::open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (output.get() < 0) return std::unexpected(system_error("open", options.log, errno));
  HighDescriptor given(::fcntl(options.descriptor, F_DUPFD_CLOEXEC, kGivenDescriptor + 1));
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return std::unexpected(system_error("make a pipe to start", options.arguments[0], errno));
  HighDescriptor failure_in(ends[0]), failure_out(ends[1]);

  const Start start{pointers(options.arguments),
                    pointers(options.environment),
                    input.get(),
                    output.get(),
                    given.get(),
                    failure_out.get(),
                    options.own_group,
                    ::getpid()};
  const pid_t pid = ::fork();
  if (pid < 0) return std::unexpected(system_error("start", options.arguments[0], errno));
  if (pid == 0) run_child(start);
  failure_out.close();
  if (options.own_group) ::setpgid(pid, pid);
  ChildProcess child(pid, options.own_group);
  if (const int number = exec_failure(failure_in.get()); number != 0)
    return std::unexpected(system_error("start", options.arguments[0], number));
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept { *this = std::move(other); }

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(own_group_, other.own_group_);
  std::swap(ended_, other.ended_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pid_ < 0 || poll()) return;
  signal(SIGKILL);
  wait();
}

std::optional<ExitStatus> ChildProcess::poll() {
  if (ended_) return ended_;
  int status = 0;
  const pid_t waited = ::waitpid(pid_, &status, WNOHANG);
  if (waited < 0 && errno == ECHILD) ended_ = ExitStatus{};  // somebody else waited for it
  if (waited == pid_)
    ended_ =
        WIFSIGNALED(status) ? ExitStatus{0, WTERMSIG(status)} : ExitStatus{WEXITSTATUS(status), 0};
  return ended_;
}

ExitStatus ChildProcess::wait() {
  siginfo_t info{};
  while (!poll()) ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  return *ended_;
}

void ChildProcess::signal(int number) {
  if (ended_) return;
  ::kill(own_group_ ? -pid_ : pid_, number);
}

std::vector<std::string> current_environment() {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
  return all;
}

Result<> die_with_parent() {
  const pid_t parent = ::getppid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent)
    return fail(Errc::unavailable, "the process that started this one is dead");
  return {};
}

}  // namespace vlsweep
