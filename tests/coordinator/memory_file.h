// A disk of one file that remembers what was synced, can lose the rest as a crash does, and refuses
// writes or syncs when told to.
//
// The disk outlives the files opened on it; one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "orchestrator/coordinator/append_file.h"

namespace vlsweep::testing {

struct MemoryDisk {
  std::string bytes;
  std::size_t durable = 0;
  // Calls of append and sync until one fails; a failed append writes half of its bytes.
  std::optional<std::uint64_t> calls_until_failure;

  // The machine dies: of what was not synced, the first `survivors` bytes are on the disk.
  void crash(std::size_t survivors) {
    bytes.resize(std::min(bytes.size(), durable + survivors));
    durable = bytes.size();
  }
};

class MemoryFile final : public AppendFile {
 public:
  explicit MemoryFile(MemoryDisk& disk) : disk_(disk) {}
  std::uint64_t size() const override { return disk_.bytes.size(); }
  Result<std::string> read(std::uint64_t offset, std::size_t length) override {
    if (offset >= disk_.bytes.size()) return std::string();
    return disk_.bytes.substr(offset, length);
  }
  Result<> append(std::string_view bytes) override {
    const bool fails = next_call_fails();
    disk_.bytes += fails ? bytes.substr(0, bytes.size() / 2) : bytes;
    return fails ? fail(Errc::io, "No space left on device", "memory") : Result<>();
  }
  Result<> sync() override {
    if (next_call_fails()) return fail(Errc::io, "Input/output error", "memory");
    disk_.durable = disk_.bytes.size();
    return {};
  }
  Result<> truncate(std::uint64_t size) override {
    disk_.bytes.resize(size);
    disk_.durable = size;
    return {};
  }

 private:
  bool next_call_fails() {
    if (!disk_.calls_until_failure) return false;
    return *disk_.calls_until_failure == 0 || (*disk_.calls_until_failure)-- == 0;
  }
  MemoryDisk& disk_;
};

}  // namespace vlsweep::testing
