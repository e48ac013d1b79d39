#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <utility>

#include "orchestrator/base/file.h"
#include "worker/trainer/format/json_object.h"
#include "worker/trainer/format/safetensors.h"

namespace vlsweep {
namespace {

using nlohmann::json;

constexpr std::size_t kDataAlignment = 64;  // of a cache line: mapped tensors are read as they lie

std::string header_of(const std::vector<TensorSource>& tensors) {
  json header = json::object();
  header["__metadata__"] = {{"format", "pt"}};
  std::uint64_t offset = 0;
  for (const TensorSource& tensor : tensors) {
    header[tensor.name] = {{"dtype", safetensors_name(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.size()}}};
    offset += tensor.size();
  }
  std::string text = header.dump();
  const std::size_t begin = sizeof(std::uint64_t) + text.size();
  text.append((kDataAlignment - begin % kDataAlignment) % kDataAlignment, ' ');
  return text;
}

// A file being written beside its final name; removed unless it is committed.
class PartialFile {
 public:
  explicit PartialFile(const std::filesystem::path& final_path)
      : final_(final_path), partial_(final_path) {
    partial_ += ".tmp." + std::to_string(::getpid());
    fd_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    error_ = errno;
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(partial_.c_str());
  }

  Result<> write(const void* data, std::size_t size) {
    if (fd_ < 0) return std::unexpected(system_error("create", partial_, error_));
    const char* next = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t written = ::write(fd_, next, size);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return std::unexpected(system_error("write", partial_, errno));
      next += written;
      size -= static_cast<std::size_t>(written);
    }
    return {};
  }

  Result<> commit() {
    if (::fsync(fd_) != 0) return std::unexpected(system_error("flush", partial_, errno));
    const int fd = std::exchange(fd_, -1);
    if (::close(fd) != 0 || ::rename(partial_.c_str(), final_.c_str()) != 0) {
      const Error error = system_error("rename", partial_, errno);
      ::unlink(partial_.c_str());
      return std::unexpected(error);
    }
    return sync_path(final_.parent_path());
  }

 private:
  std::filesystem::path final_, partial_;
  int fd_ = -1;
  int error_ = 0;
};

TensorSource source_of(const TensorView& view) {
  return {view.name, view.type, view.shape,
          [bytes = view.bytes](const auto& sink) { return sink(bytes); }};
}

std::string shard_name(std::size_t index, std::size_t count) {
  std::string number = std::to_string(index + 1), total = std::to_string(count);
  for (std::string* digits : {&number, &total})
    digits->insert(0, 5 - std::min<std::size_t>(5, digits->size()), '0');
  return "model-" + number + "-of-" + total + ".safetensors";
}

// Cut in order, each shard filled as far as it goes.
std::vector<std::vector<TensorSource>> shards_of(std::vector<TensorSource> sources,
                                                 std::uint64_t max_bytes) {
  std::vector<std::vector<TensorSource>> shards(1);
  std::uint64_t filled = 0;
  for (TensorSource& source : sources) {
    if (!shards.back().empty() && filled + source.size() > max_bytes) {
      shards.emplace_back();
      filled = 0;
    }
    filled += source.size();
    shards.back().push_back(std::move(source));
  }
  return shards;
}

}  // namespace

std::uint64_t TensorSource::size() const {
  std::uint64_t bytes = size_of(type);
  for (const std::int64_t extent : shape) bytes *= static_cast<std::uint64_t>(extent);
  return bytes;
}

Result<> write_safetensors(const std::filesystem::path& path, std::vector<TensorSource> sources) {
  std::ranges::stable_sort(sources, std::greater(),
                           [](const TensorSource& source) { return size_of(source.type); });
  const std::string header = header_of(sources);
  const auto length = static_cast<std::uint64_t>(header.size());
  PartialFile file(std::filesystem::absolute(path));
  VLSWEEP_CHECK_OK(file.write(&length, sizeof length));
  VLSWEEP_CHECK_OK(file.write(header.data(), header.size()));
  for (const TensorSource& source : sources) {
    VLSWEEP_CHECK_OK(source.write([&](std::span<const std::byte> bytes) -> Result<> {
      if (bytes.size() == source.size()) return file.write(bytes.data(), bytes.size());
      return fail(Errc::internal, source.name + " has another size than announced", path.string());
    }));
  }
  return file.commit();
}

Result<> write_safetensors(const std::filesystem::path& path, std::vector<TensorView> tensors) {
  std::vector<TensorSource> sources;
  for (const TensorView& tensor : tensors) sources.push_back(source_of(tensor));
  return write_safetensors(path, std::move(sources));
}

Result<> write_model_files(const std::filesystem::path& folder, std::vector<TensorSource> sources,
                           std::uint64_t max_bytes) {
  const auto single = folder / "model.safetensors";
  const auto index = folder / "model.safetensors.index.json";
  auto shards = shards_of(std::move(sources), max_bytes);
  std::error_code ignored;
  if (shards.size() == 1) {
    VLSWEEP_CHECK_OK(write_safetensors(single, std::move(shards.front())));
    std::filesystem::remove(index, ignored);
    return {};
  }
  json map = json::object();
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i, shards.size());
    for (const TensorSource& source : shards[i]) {
      map[source.name] = name;
      total += source.size();
    }
    VLSWEEP_CHECK_OK(write_safetensors(folder / name, std::move(shards[i])));
  }
  const json contents = {{"metadata", {{"total_size", total}}}, {"weight_map", std::move(map)}};
  VLSWEEP_CHECK_OK(write_file_durably(index, contents.dump(2) + "\n"));
  std::filesystem::remove(single, ignored);
  return {};
}

}  // namespace vlsweep
