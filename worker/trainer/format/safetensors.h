// safetensors files: a little-endian u64 length, a JSON header {name: {dtype, shape,
// data_offsets}}, then the tensors' bytes, packed, row-major, without holes or overlap. Nothing in
// a file is believed: header size, names, shapes, offsets and the file's length are checked on
// opening.
//
// A SafetensorsFile maps the file (privately: what is written to the mapping never reaches the
// file) and belongs to one owner; its views are valid as long as it or a copy of mapping() lives
// and may be read from any thread. No libtorch here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

inline constexpr std::uint64_t kMaxSafetensorsHeader = 16ULL << 20;

enum class TensorType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };
std::size_t size_of(TensorType type);
std::string_view safetensors_name(TensorType type);  // "F32", "BF16", ...

struct TensorView {
  std::string name;
  TensorType type = TensorType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

// Checks a whole file's bytes and lists its tensors, sorted by name, as views into `bytes`.
Result<std::vector<TensorView>> parse_safetensors(std::span<const std::byte> bytes,
                                                  const std::string& where);

class SafetensorsFile {
 public:
  static Result<SafetensorsFile> open(const std::filesystem::path& path);
  const std::vector<TensorView>& tensors() const { return tensors_; }
  const TensorView* find(std::string_view name) const;
  const std::filesystem::path& path() const { return path_; }
  // Keeps the views' bytes.
  const std::shared_ptr<const void>& mapping() const { return mapping_; }
  // Whether the mapped bytes may be changed, for this process alone.
  bool writable() const { return writable_; }
  // Takes a view's pages out of memory until they are read again: it has been copied.
  static void forget(const TensorView& view);

 private:
  std::filesystem::path path_;
  std::shared_ptr<const void> mapping_;
  bool writable_ = false;
  std::vector<TensorView> tensors_;
};

// All tensors of FOLDER: model.safetensors, or the shards of model.safetensors.index.json.
Result<std::vector<SafetensorsFile>> open_model_files(const std::filesystem::path& folder);

// A tensor whose bytes are made when they are written.
struct TensorSource {
  std::string name;
  TensorType type = TensorType::f32;
  std::vector<std::int64_t> shape;
  // Hands all bytes over, in one piece; what they lie in may go when the call returns.
  std::function<Result<>(const std::function<Result<>(std::span<const std::byte>)>&)> write;

  std::uint64_t size() const;  // bytes
};

// Writes beside PATH, fsyncs and renames. Tensors stand in descending order of alignment, else as
// given; the data begins on a 64-byte boundary; the metadata is {"format": "pt"}.
Result<> write_safetensors(const std::filesystem::path& path, std::vector<TensorSource> sources);
Result<> write_safetensors(const std::filesystem::path& path, std::vector<TensorView> tensors);

inline constexpr std::uint64_t kMaxShardBytes = 5'000'000'000;  // transformers' "5GB"

// model.safetensors, or where that would be larger than `max_bytes` shards of at most so much (a
// tensor is never cut) named as transformers names them, and their index.
Result<> write_model_files(const std::filesystem::path& folder, std::vector<TensorSource> sources,
                           std::uint64_t max_bytes = kMaxShardBytes);

}  // namespace vlsweep
