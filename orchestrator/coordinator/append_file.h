// A file that only grows at its end, as the journal needs it: on the disk, or in memory for tests
// that lose what was not synced and fail when told to.
//
// One owner, one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "orchestrator/base/result.h"

namespace vlsweep {

class AppendFile {
 public:
  virtual ~AppendFile() = default;
  virtual std::uint64_t size() const = 0;
  // Up to `length` bytes from `offset`; fewer only at the end.
  virtual Result<std::string> read(std::uint64_t offset, std::size_t length) = 0;
  // After an error some of the bytes may be in the file.
  virtual Result<> append(std::string_view bytes) = 0;
  // What was appended is on the disk when this returns without an error.
  virtual Result<> sync() = 0;
  // Cuts the file to `size` bytes, durably.
  virtual Result<> truncate(std::uint64_t size) = 0;
};

// Opens or creates a file on the disk; a new one's folder entry is durable too.
Result<std::unique_ptr<AppendFile>> open_append_file(const std::filesystem::path& path);

}  // namespace vlsweep
