// HDF5 files as values: built in memory and taken as bytes, or opened from bytes. The library never
// touches the disk, so a full disk or a killed process cannot leave half a file behind, and damaged
// files are refused by checksum before the library sees them.
//
// hdf5.cpp alone includes the library's header. A writer or reader belongs to one thread at a time;
// several may be used by several threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep::hdf5 {

// Files larger than this are neither written nor read, datasets have at most this many rows.
inline constexpr std::uint64_t kMaxFileBytes = 1ULL << 30;
inline constexpr std::uint64_t kMaxRows = 1ULL << 26;

// An open HDF5 file in memory (a hid_t), closed when destroyed.
class ImageFile {
 public:
  ImageFile() = default;
  explicit ImageFile(std::int64_t id) : id_(id) {}
  ImageFile(ImageFile&& other) noexcept;
  ImageFile& operator=(ImageFile&& other) noexcept;
  ~ImageFile();
  std::int64_t id() const { return id_; }

 private:
  std::int64_t id_ = -1;
};

// Paths are absolute ("/series/loss/step"); groups on the way to a dataset or link are made.
// Errors are `internal`: memory has run out, or a name is used twice.
class Writer {
 public:
  static Result<Writer> create();
  Result<> group(const std::string& path);
  // Attributes of a group that exists; texts are UTF-8.
  Result<> attribute(const std::string& group, const std::string& name, const std::string& text);
  Result<> attribute(const std::string& group, const std::string& name, std::int64_t value);
  Result<> attribute(const std::string& group, const std::string& name, double value);
  Result<> dataset(const std::string& path, std::span<const std::int64_t> values);
  Result<> dataset(const std::string& path, std::span<const double> values);
  Result<> dataset(const std::string& path, std::span<const std::uint8_t> values);
  Result<> dataset(const std::string& path, std::span<const std::string> values);
  // `path` stands for `object` in another file; a relative `file` is relative to this one's folder.
  Result<> external_link(const std::string& path, const std::string& file,
                         const std::string& object);
  // Writes the file under `path` durably: a user block with length and CRC-32C, then the image.
  Result<> save(const std::filesystem::path& path);

 private:
  explicit Writer(ImageFile file) : file_(std::move(file)) {}
  ImageFile file_;
};

// Every error names the file and, where it applies, the dataset: not_found if the file, the dataset
// or the attribute does not exist, corrupt if it is not as Writer leaves it.
class Reader {
 public:
  static Result<Reader> open(const std::filesystem::path& path);
  bool has(const std::string& path) const;
  // Names in a group, sorted.
  Result<std::vector<std::string>> names(const std::string& group) const;
  Result<std::string> text_attribute(const std::string& group, const std::string& name) const;
  Result<std::int64_t> integer_attribute(const std::string& group, const std::string& name) const;
  Result<std::vector<std::int64_t>> integers(const std::string& path) const;
  Result<std::vector<double>> doubles(const std::string& path) const;
  Result<std::vector<std::uint8_t>> bytes(const std::string& path) const;
  Result<std::vector<std::string>> strings(const std::string& path) const;

 private:
  Reader(ImageFile file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}
  template <class T>
  Result<std::vector<T>> numbers(const std::string& path) const;
  Error error(Errc code, const std::string& message) const;
  ImageFile file_;
  std::filesystem::path path_;
};

// "HDF5 1.10.8": the library that is linked.
std::string library_version();

}  // namespace vlsweep::hdf5
