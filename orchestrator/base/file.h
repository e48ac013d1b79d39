// Files as vlsweep uses them: read whole with a bound, written beside their final name and renamed,
// locked against a second process. Every error names the file and what the system said.
//
// Free functions: safe from any thread. A FileLock belongs to one owner.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "orchestrator/base/result.h"

namespace vlsweep {

// An Error from errno: "cannot WHAT: No space left on device (remedy)", where = path.
Error system_error(std::string_view what, const std::filesystem::path& path, int error_number);

// The whole file; refused (invalid) if it is larger than max_bytes, not_found if it is not there.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

// Durable replacement: PATH.tmp.PID is written, fsynced, renamed over PATH, the folder fsynced.
Result<> write_file_durably(const std::filesystem::path& path, std::string_view bytes);

// Flushes a file's (or a folder's) content to the disk.
Result<> sync_path(const std::filesystem::path& path);

Result<> make_folders(const std::filesystem::path& path);

// SHA-256 of a file's content or of bytes, 64 lower-case hexadecimal digits.
Result<std::string> sha256_file(const std::filesystem::path& path);
std::string sha256_hex(std::string_view bytes);

// CRC-32C (Castagnoli, as in iSCSI and RocksDB), continuing from `crc` (0 at the start).
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

// An exclusive flock on PATH (created if need be), with the holder's pid in it; kept until
// destroyed or until the process ends. Taken by somebody else: busy, naming the pid that holds it.
class FileLock {
 public:
  static Result<FileLock> take(const std::filesystem::path& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace vlsweep
