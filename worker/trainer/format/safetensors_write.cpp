#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <tuple>
#include <utility>

#include "orchestrator/base/file.h"
#include "worker/trainer/format/json_object.h"
#include "worker/trainer/format/safetensors.h"

namespace vlsweep {
namespace {

using nlohmann::json;

std::string header_of(const std::vector<TensorView>& tensors) {
  json header = json::object();
  header["__metadata__"] = {{"format", "pt"}};
  std::uint64_t offset = 0;
  for (const TensorView& tensor : tensors) {
    header[tensor.name] = {{"dtype", safetensors_name(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
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

}  // namespace

Result<> write_safetensors(const std::filesystem::path& path, std::vector<TensorView> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorView& left, const TensorView& right) {
    return std::make_tuple(size_of(right.type), std::string_view(left.name)) <
           std::make_tuple(size_of(left.type), std::string_view(right.name));
  });
  const std::string header = header_of(tensors);
  const auto length = static_cast<std::uint64_t>(header.size());
  PartialFile file(std::filesystem::absolute(path));
  VLSWEEP_CHECK_OK(file.write(&length, sizeof length));
  VLSWEEP_CHECK_OK(file.write(header.data(), header.size()));
  for (const TensorView& tensor : tensors) {
    VLSWEEP_CHECK_OK(file.write(tensor.bytes.data(), tensor.bytes.size()));
  }
  return file.commit();
}

}  // namespace vlsweep
