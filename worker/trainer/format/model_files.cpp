#include <set>

#include "worker/trainer/format/json_object.h"
#include "worker/trainer/format/safetensors.h"

namespace vlsweep {
namespace {

constexpr std::uint64_t kMaxIndexBytes = 64ULL << 20;
constexpr std::size_t kMaxShards = 4096;

// The shards that an index names: plain file names inside its folder.
Result<std::set<std::string>> shard_names(const std::filesystem::path& index) {
  VLSWEEP_TRY(const nlohmann::json parsed, read_json_object(index, kMaxIndexBytes));
  const nlohmann::json* map = json_member(parsed, "weight_map");
  if (!map || !map->is_object()) return fail(Errc::invalid, "no weight_map", index.string());
  std::set<std::string> names;
  for (const nlohmann::json& shard : *map) {
    if (!shard.is_string())
      return fail(Errc::invalid, "weight_map must name files", index.string());
    const auto& name = shard.get_ref<const std::string&>();
    if (name.empty() || name == ".." || name.find('/') != std::string::npos) {
      return fail(Errc::invalid, "weight_map names a file outside its folder: " + name,
                  index.string());
    }
    names.insert(name);
  }
  if (names.size() > kMaxShards) return fail(Errc::invalid, "too many shards", index.string());
  return names;
}

}  // namespace

Result<std::vector<SafetensorsFile>> open_model_files(const std::filesystem::path& folder) {
  std::vector<SafetensorsFile> files;
  const auto single = folder / "model.safetensors";
  const auto index = folder / "model.safetensors.index.json";
  std::error_code ignored;
  if (std::filesystem::exists(single, ignored)) {
    VLSWEEP_TRY(SafetensorsFile file, SafetensorsFile::open(single));
    files.push_back(std::move(file));
    return files;
  }
  if (!std::filesystem::exists(index, ignored)) {
    return fail(Errc::not_found,
                "no model.safetensors and no model.safetensors.index.json here (pickled .bin and "
                ".pth files are never opened: convert them with transformers)",
                folder.string());
  }
  VLSWEEP_TRY(const std::set<std::string> shards, shard_names(index));
  for (const std::string& shard : shards) {
    VLSWEEP_TRY(SafetensorsFile file, SafetensorsFile::open(folder / shard));
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace vlsweep
