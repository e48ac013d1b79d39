#include "storage/process_identity.h"

#include <unistd.h>

#include <array>
#include <sstream>

#include "orchestrator/base/file.h"

namespace vlsweep {
namespace {

// Field 22 of /proc/<pid>/stat, or 0 if there is no such process. The second field is the program's
// name in parentheses and may hold anything, so reading begins after the last ')'.
std::uint64_t start_time(std::int64_t pid) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/stat", 1U << 16);
  if (!text) return 0;
  const std::size_t after_name = text->rfind(')');
  if (after_name == std::string::npos) return 0;
  std::istringstream fields(text->substr(after_name + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  std::uint64_t ticks = 0;
  fields >> ticks;
  return fields ? ticks : 0;
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

ProcessIdentity this_process() {
  const std::int64_t pid = ::getpid();
  return {host_name(), pid, start_time(pid)};
}

std::string process_identity_text(const ProcessIdentity& identity) {
  return identity.host + " " + std::to_string(identity.pid) + " " +
         std::to_string(identity.started) + "\n";
}

ProcessIdentity process_identity_from_text(std::string_view text) {
  std::istringstream fields{std::string(text)};
  ProcessIdentity identity;
  fields >> identity.host >> identity.pid >> identity.started;
  return fields ? identity : ProcessIdentity();
}

Life life_of(const ProcessIdentity& identity) {
  if (identity.host != host_name()) return Life::elsewhere;
  const std::uint64_t started = start_time(identity.pid);
  return started != 0 && started == identity.started ? Life::alive : Life::dead;
}

}  // namespace vlsweep
