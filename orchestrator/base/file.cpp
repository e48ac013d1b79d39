#include "orchestrator/base/file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace vlsweep {
namespace {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string_view remedy(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return " (free some space, then run the same command again)";
    case EACCES:
    case EPERM:
      return " (check the owner and the permissions)";
    case EROFS:
      return " (choose a folder that can be written, with --dir)";
    default:
      return "";
  }
}

Errc code_of(int error_number) {
  return error_number == ENOENT || error_number == ENOTDIR ? Errc::not_found : Errc::io;
}

Result<> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(system_error("write", path, errno));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

Digest start_sha256() {
  Digest digest(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr);
  return digest;
}

std::string finish_hex(const Digest& digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(digest.get(), bytes.data(), &size);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(std::size_t{2} * size);
  for (unsigned int i = 0; i < size; ++i) {
    text += kHex[bytes[i] >> 4];
    text += kHex[bytes[i] & 15];
  }
  return text;
}

using CrcTable = std::array<std::uint32_t, 256>;

// Table k is of a byte with k zero bytes behind it: eight bytes are then eight look-ups that do not
// wait for one another (Kounavis and Berry 2005, slicing by 8).
constexpr std::array<CrcTable, 8> make_crc_tables() {
  std::array<CrcTable, 8> tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
    tables[0][i] = crc;
  }
  for (std::size_t k = 1; k < tables.size(); ++k)
    for (std::size_t i = 0; i < 256; ++i)
      tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 0xFF];
  return tables;
}
constexpr auto kCrcTables = make_crc_tables();

}  // namespace

Error system_error(std::string_view what, const std::filesystem::path& path, int error_number) {
  return Error{code_of(error_number),
               "cannot " + std::string(what) + ": " + std::strerror(error_number) +
                   std::string(remedy(error_number)),
               path.string()};
}

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return std::unexpected(system_error("open", path, errno));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return std::unexpected(system_error("stat", path, errno));
  if (S_ISDIR(info.st_mode)) return fail(Errc::invalid, "is a folder, not a file", path.string());
  std::string bytes;
  bytes.reserve(static_cast<std::size_t>(
      std::min<std::uint64_t>(static_cast<std::uint64_t>(info.st_size), max_bytes)));
  std::array<char, 1 << 16> chunk{};
  for (;;) {
    const ssize_t n = ::read(file.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(system_error("read", path, errno));
    if (n == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(n) > max_bytes)
      return fail(Errc::invalid,
                  "is larger than the " + std::to_string(max_bytes) + " bytes allowed here",
                  path.string());
    bytes.append(chunk.data(), static_cast<std::size_t>(n));
  }
}

Result<> write_file_durably(const std::filesystem::path& path, std::string_view bytes) {
  const std::filesystem::path beside = path.string() + ".tmp." + std::to_string(::getpid());
  {
    const Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) return std::unexpected(system_error("create", beside, errno));
    Result<> written = write_all(file.get(), bytes, path);
    if (written && ::fsync(file.get()) != 0)
      written = std::unexpected(system_error("fsync", path, errno));
    if (!written) {
      ::unlink(beside.c_str());
      return written;
    }
  }
  if (::rename(beside.c_str(), path.c_str()) != 0)
    return std::unexpected(system_error("rename to", path, errno));
  return sync_path(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

Result<> sync_path(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return std::unexpected(system_error("open", path, errno));
  if (::fsync(file.get()) != 0 && errno != EINVAL)
    return std::unexpected(system_error("fsync", path, errno));
  return {};
}

Result<> make_folders(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return std::unexpected(system_error("create the folder", path, error.value()));
  return {};
}

Result<std::string> sha256_file(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return std::unexpected(system_error("open", path, errno));
  const Digest digest = start_sha256();
  std::array<char, 1 << 16> chunk{};
  for (;;) {
    const ssize_t n = ::read(file.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(system_error("read", path, errno));
    if (n == 0) return finish_hex(digest);
    EVP_DigestUpdate(digest.get(), chunk.data(), static_cast<std::size_t>(n));
  }
}

std::string sha256_hex(std::string_view bytes) {
  const Digest digest = start_sha256();
  EVP_DigestUpdate(digest.get(), bytes.data(), bytes.size());
  return finish_hex(digest);
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
  crc = ~crc;
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint32_t mixed = 0;
    for (std::size_t i = 0; i < 4; ++i)
      mixed ^= kCrcTables[7 - i][((crc >> (8 * i)) ^ at(i)) & 0xFF] ^ kCrcTables[3 - i][at(4 + i)];
    crc = mixed;
  }
  for (const char byte : bytes)
    crc = (crc >> 8) ^ kCrcTables[0][(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  return ~crc;
}

Result<FileLock> FileLock::take(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return std::unexpected(system_error("open", path, errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error_number = errno;
    std::array<char, 32> holder{};
    const ssize_t n = ::pread(fd, holder.data(), holder.size() - 1, 0);
    ::close(fd);
    if (error_number != EWOULDBLOCK)
      return std::unexpected(system_error("lock", path, error_number));
    const std::string pid =
        n > 0 ? std::string(holder.data(), std::strcspn(holder.data(), "\n")) : "unknown";
    return fail(Errc::busy, "is in use by another vlsweep (process " + pid + ")", path.string());
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    const int error_number = errno;
    ::close(fd);
    return std::unexpected(system_error("write", path, error_number));
  }
  return FileLock(fd);
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace vlsweep
