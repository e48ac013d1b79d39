// Which vlsweep this is, for --version, the journal and the database.
#pragma once

#include <string>

namespace vlsweep {

std::string version();       // "0.2.0"
std::string build_commit();  // 12 digits of the git commit it was built from, or empty
std::string version_text();  // "vlsweep 0.2.0 (3df3558aaaaa)"

}  // namespace vlsweep
