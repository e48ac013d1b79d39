// Who prepared a folder, so that another process can tell whether its owner still lives: host, pid
// and the time the kernel started the process (a pid alone is used again).
//
// Free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vlsweep {

struct ProcessIdentity {
  std::string host;
  std::int64_t pid = 0;
  std::uint64_t started = 0;  // clock ticks after the host's start, from /proc/<pid>/stat
};

ProcessIdentity this_process();
std::string process_identity_text(const ProcessIdentity& identity);  // "host pid started\n"
// Empty host if the text is not one.
ProcessIdentity process_identity_from_text(std::string_view text);

enum class Life { alive, dead, elsewhere };  // elsewhere: of another host, cannot be told here
Life life_of(const ProcessIdentity& identity);

}  // namespace vlsweep
