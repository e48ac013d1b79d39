#include "orchestrator/coordinator/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "orchestrator/base/file.h"

namespace vlsweep {
namespace {

class DiskFile final : public AppendFile {
 public:
  DiskFile(std::filesystem::path path, int fd, std::uint64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  ~DiskFile() override { ::close(fd_); }
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  std::uint64_t size() const override { return size_; }

  Result<std::string> read(std::uint64_t offset, std::size_t length) override {
    std::string bytes(length, '\0');
    std::size_t have = 0;
    while (have < length) {
      const ssize_t n =
          ::pread(fd_, bytes.data() + have, length - have, static_cast<off_t>(offset + have));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return error("read");
      if (n == 0) break;
      have += static_cast<std::size_t>(n);
    }
    bytes.resize(have);
    return bytes;
  }

  Result<> append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return error("write");
      size_ += static_cast<std::uint64_t>(n);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  Result<> sync() override {
    if (::fdatasync(fd_) != 0) return error("fdatasync");
    return {};
  }

  Result<> truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return error("truncate");
    size_ = size;
    if (::fsync(fd_) != 0) return error("fsync");
    return {};
  }

 private:
  std::unexpected<Error> error(std::string_view what) const {
    return std::unexpected(system_error(what, path_, errno));
  }

  std::filesystem::path path_;
  int fd_;
  std::uint64_t size_;
};

}  // namespace

Result<std::unique_ptr<AppendFile>> open_append_file(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return std::unexpected(system_error("open", path, errno));
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return fail(Errc::invalid, "is not a regular file", path.string());
  }
  auto file = std::make_unique<DiskFile>(path, fd, static_cast<std::uint64_t>(info.st_size));
  if (info.st_size == 0)
    VLSWEEP_CHECK_OK(sync_path(path.has_parent_path() ? path.parent_path() : "."));
  return file;
}

}  // namespace vlsweep
