// Which CUDA device the trainer of a rank gets, where several ranks share a host: each another one.
//
// Pure functions but num_devices(): safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vlsweep {

// The environment ("NAME=value") for the trainer of the rank that has this environment, on a host
// with so many CUDA devices. CUDA_VISIBLE_DEVICES becomes the one device that is the rank's by its
// place among those of its host (as mpirun, srun and other launchers say it), going round where
// there are more ranks than devices. It stays as it is where the site has bound the rank already
// (one device is visible, or none), where there is nothing to choose, and where no place is known.
std::vector<std::string> bind_device(std::vector<std::string> environment,
                                     std::uint32_t num_devices);

// The rank's place on its host by its environment, from 0.
std::optional<std::uint32_t> local_rank(const std::vector<std::string>& environment);

// CUDA devices of this host (/dev/nvidia0, ...).
std::uint32_t num_devices();

}  // namespace vlsweep
