#include "orchestrator/cli/libraries.h"

#include "storage/hdf5.h"
#include "storage/sqlite.h"

namespace vlsweep {

std::string libraries_text() { return hdf5::library_version() + ", " + sqlite::library_version(); }

}  // namespace vlsweep
