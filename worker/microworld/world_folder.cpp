#include "worker/microworld/world_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "orchestrator/base/file.h"

namespace vlsweep {
namespace {

Result<> write_bytes(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(system_error("write", path, errno));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

// Without fsync: twenty thousand images would take minutes. write_world flushes the whole at once.
Result<> WorldFolder::write(const std::string& name, std::string_view bytes) {
  const std::filesystem::path path = root_ / name;
  if (path.parent_path() != made_) {
    made_ = path.parent_path();
    VLSWEEP_CHECK_OK(make_folders(made_));
  }
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return std::unexpected(system_error("create", path, errno));
  Result<> written = write_bytes(fd, bytes, path);
  if (::close(fd) != 0 && written) return std::unexpected(system_error("close", path, errno));
  return written;
}

void WorldFolder::add_file(const std::string& name, std::string_view bytes, std::size_t num_items) {
  if (!status_) return;
  status_ = write(name, bytes);
  files_[name] = {{"items", num_items}, {"sha256", sha256_hex(bytes)}};
}

void WorldFolder::add_image(const std::string& name, const Picture& picture) {
  if (!status_) return;
  const std::string png = encode_png(picture);
  status_ = write(name, png);
  image_digests_ += sha256_hex(png);
  ++num_images_;
}

Result<> WorldFolder::finish(nlohmann::ordered_json header) {
  VLSWEEP_CHECK_OK(status_);
  header["files"] = files_;
  header["images"] = {{"items", num_images_}, {"sha256", sha256_hex(image_digests_)}};
  return write("manifest.json", header.dump(2) + "\n");
}

}  // namespace vlsweep
