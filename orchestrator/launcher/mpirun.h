// mpirun: where it is, which one it is, and how it is asked to start ranks that survive one
// another.
//
// Plain functions; safe from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

enum class MpiFlavour { open_mpi_4, open_mpi_5, other };  // 4 and older; 5 and newer

struct Mpirun {
  std::filesystem::path program;
  MpiFlavour flavour = MpiFlavour::other;
  std::string version;  // "mpirun (Open MPI) 4.1.4"
};

// $VLSWEEP_MPIRUN, or mpirun in $PATH. unavailable: there is none, or it does not run. Its output
// when asked for its version is left in `scratch`.
Result<Mpirun> find_mpirun(const std::filesystem::path& scratch);

// What `mpirun --version` printed.
MpiFlavour flavour_of(std::string_view version_text);

// The whole command line. `single_host` keeps to shared memory and the loopback interface.
std::vector<std::string> mpirun_arguments(const Mpirun& mpirun, std::uint32_t processes,
                                          bool single_host,
                                          const std::vector<std::string>& rank_command);
// This process's environment, with what Open MPI wants of root.
std::vector<std::string> mpirun_environment();

// False inside a batch job (Slurm, PBS, LSF) of several hosts.
bool is_single_host();

}  // namespace vlsweep
