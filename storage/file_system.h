// What kind of file system a folder lies on: SQLite's WAL and locks are for local ones.
//
// Free functions, safe from any thread.
#pragma once

#include <filesystem>
#include <string>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct FileSystem {
  std::string name;  // "nfs", "lustre", ...; "local" for all that are not known to be shared
  bool network = false;
};

// By statfs(): NFS, Lustre, GPFS, BeeGFS, CIFS/SMB, Ceph, AFS, 9p, FUSE and others that hosts
// share.
Result<FileSystem> file_system_of(const std::filesystem::path& folder);

// The same for a type as statfs() gives it.
FileSystem file_system_of_type(unsigned long type);

}  // namespace vlsweep
