#include "worker/agent/trainer_process.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <thread>
#include <utility>

#include "orchestrator/base/file.h"
#include "worker/agent/device_binding.h"

namespace vlsweep {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A process that has closed its socket is about to end; the rest of its end takes this long at
// most.
constexpr milliseconds kEnding{1000};

// How many processes the kernel has killed for want of memory since it was started; 0 if unknown.
std::uint64_t kernel_oom_kills() {
  std::ifstream counters("/proc/vmstat");
  std::string name;
  std::uint64_t value = 0;
  while (counters >> name >> value)
    if (name == "oom_kill") return value;
  return 0;
}

std::uint64_t size_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

// The last line that is not empty in what a file has after `begin`; at most 200 bytes of it.
std::string last_line(const std::filesystem::path& path, std::uint64_t begin) {
  constexpr std::uint64_t kLook = 4096;
  const std::uint64_t size = size_of(path);
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(std::max(begin, size > kLook ? size - kLook : 0)));
  std::string line, last;
  while (std::getline(file, line))
    if (!line.empty()) last = line;
  return last.substr(0, 200);
}

}  // namespace

std::vector<std::string> without_mpi(std::vector<std::string> environment) {
  static constexpr std::array<std::string_view, 5> kPrefixes = {"OMPI_", "PMIX_", "PRTE_", "ORTE_",
                                                                "PMI_"};
  std::erase_if(environment, [](const std::string& entry) {
    return std::ranges::any_of(kPrefixes, [&](auto prefix) { return entry.starts_with(prefix); });
  });
  return environment;
}

Result<std::unique_ptr<TrainerProcess>> TrainerProcess::start(std::vector<std::string> arguments,
                                                              const std::filesystem::path& log) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return std::unexpected(system_error("make a socket for the trainer", arguments[0], errno));
  arguments.insert(arguments.end(), {"--serve-fd", "3"});
  const LogPlace place{log, size_of(log)};
  auto child = ChildProcess::spawn(
      {.arguments = std::move(arguments),
       .environment = without_mpi(bind_device(current_environment(), num_devices())),
       .log = log,
       .descriptor = ends[1]});
  ::close(ends[1]);
  if (!child) {
    ::close(ends[0]);
    return std::unexpected(std::move(child).error());
  }
  return std::make_unique<TrainerProcess>(std::move(*child), ends[0], place);
}

TrainerProcess::TrainerProcess(ChildProcess child, int socket, LogPlace log)
    : child_(std::move(child)),
      socket_(socket),
      reader_(socket),
      writer_(socket),
      log_(std::move(log)),
      oom_kills_(kernel_oom_kills()) {}

TrainerProcess::~TrainerProcess() { ::close(socket_); }

Result<std::optional<TrainerMessage>> TrainerProcess::poll() {
  VLSWEEP_TRY(const FrameReader::Read read, reader_.poll());
  if (read.state == FrameReader::State::end) return fail(Errc::unavailable, "the trainer ended");
  if (read.state == FrameReader::State::none) return std::nullopt;
  VLSWEEP_TRY(TrainerMessage message, parse_trainer_message(read.message));
  return message;
}

Error TrainerProcess::end(std::optional<Error> why) {
  if (!why) {
    if (const auto status = wait_for(kEnding)) return describe(*status);
    why = Error{Errc::internal, "the trainer closed its connection without ending", {}};
  }
  child_.signal(SIGKILL);
  child_.wait();
  why->message += " and was killed" + log_hint();
  return *why;
}

void TrainerProcess::dismiss(milliseconds grace) {
  if (!send(exit_message()) || !wait_for(grace)) child_.signal(SIGKILL);
  child_.wait();
}

std::optional<ExitStatus> TrainerProcess::wait_for(milliseconds time) {
  const auto deadline = steady_clock::now() + time;
  while (!child_.poll() && steady_clock::now() < deadline)
    std::this_thread::sleep_for(milliseconds(1));
  return child_.poll();
}

Error TrainerProcess::describe(const ExitStatus& status) const {
  if (status.signal == SIGKILL && kernel_oom_kills() > oom_kills_)
    return {Errc::out_of_memory,
            "the kernel killed the trainer because the host ran out of memory" + log_hint(),
            {}};
  if (status.signal == SIGKILL || status.signal == SIGTERM)
    return {Errc::unavailable,
            "the trainer was killed from outside: " + status.text() + log_hint(),
            {}};
  if (status.signal != 0)
    return {Errc::internal, "the trainer crashed: " + status.text() + log_hint(), {}};
  return {Errc::internal, "the trainer ended by itself: " + status.text() + log_hint(), {}};
}

std::string TrainerProcess::log_hint() const {
  const std::string line = last_line(log_.path, log_.begin);
  return " (see " + log_.path.string() + (line.empty() ? ")" : ", which ends: " + line + ")");
}

}  // namespace vlsweep
