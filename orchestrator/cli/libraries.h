// The libraries that this binary runs with, for the journal, the database and --version.
#pragma once

#include <string>

namespace vlsweep {

// "HDF5 1.10.8, SQLite 3.40.1"
std::string libraries_text();

}  // namespace vlsweep
