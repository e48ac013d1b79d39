#include "storage/file_system.h"

#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <utility>

#include "orchestrator/base/file.h"

namespace vlsweep {
namespace {

// From linux/magic.h and, where that has none, from the file systems' own sources.
constexpr std::array<std::pair<unsigned long, const char*>, 13> kNetwork{{
    {0x6969, "nfs"},
    {0x0BD00BD0, "lustre"},
    {0x47504653, "gpfs"},
    {0x19830326, "beegfs"},
    {0xFF534D42, "cifs"},
    {0xFE534D42, "smb2"},
    {0x517B, "smb"},
    {0x00C36400, "ceph"},
    {0x5346414F, "afs"},
    {0x01021997, "9p"},
    {0x65735546, "fuse"},
    {0x7461636F, "ocfs2"},
    {0x01161970, "gfs2"},
}};

}  // namespace

FileSystem file_system_of_type(unsigned long type) {
  for (const auto& [number, name] : kNetwork)
    if ((type & 0xFFFFFFFFUL) == number) return {name, true};
  return {"local", false};
}

Result<FileSystem> file_system_of(const std::filesystem::path& folder) {
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0)
    return std::unexpected(system_error("statfs", folder, errno));
  return file_system_of_type(static_cast<unsigned long>(info.f_type));
}

}  // namespace vlsweep
