// safetensors files: a little-endian u64 length, a JSON header {name: {dtype, shape,
// data_offsets}}, then the tensors' bytes, packed, row-major, without holes or overlap. Nothing in
// a file is believed: header size, names, shapes, offsets and the file's length are checked on
// opening.
//
// A SafetensorsFile maps the file read-only and belongs to one owner; its views are valid as long
// as it lives and may be read from any thread. No libtorch here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
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

 private:
  std::filesystem::path path_;
  std::shared_ptr<const void> mapping_;
  std::vector<TensorView> tensors_;
};

// All tensors of FOLDER: model.safetensors, or the shards of model.safetensors.index.json.
Result<std::vector<SafetensorsFile>> open_model_files(const std::filesystem::path& folder);

// Writes beside PATH, fsyncs and renames. Tensors are sorted by alignment (descending), then name;
// the header is padded to 8 bytes and carries the metadata {"format": "pt"}.
Result<> write_safetensors(const std::filesystem::path& path, std::vector<TensorView> tensors);

}  // namespace vlsweep
