// A folder of a test, removed at its end; and what the tests of storage share.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "orchestrator/base/file.h"
#include "orchestrator/protocol/stage.h"

namespace vlsweep::test {

// Where a folder lies: on the disk, or in memory where there is such a place, for large fixtures
// whose tests are not about durability.
enum class Where { disk, memory };

class TempFolder {
 public:
  explicit TempFolder(Where where = Where::disk) {
    const std::filesystem::path memory = "/dev/shm";
    const bool in_memory = where == Where::memory && ::access(memory.c_str(), W_OK) == 0;
    const std::filesystem::path below = in_memory ? memory : std::filesystem::temp_directory_path();
    std::string name = (below / "vlsweep-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline Key key_of(const std::string& text) { return *key_from_hex(sha256_hex(text)); }

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Runs `work` in a child process; the child exits with what it returns.
template <class Work>
pid_t start_child(Work work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  return child;
}

// The exit status of a child, or 128 + signal.
inline int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace vlsweep::test
