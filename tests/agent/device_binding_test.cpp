// Which device a rank's trainer gets, as a table: no GPU is needed to know.
#include "worker/agent/device_binding.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vlsweep {
namespace {

struct Case {
  const char* what;
  std::vector<std::string> environment;
  std::uint32_t devices;
  const char* visible;  // CUDA_VISIBLE_DEVICES afterwards; null: not there
};

std::optional<std::string> visible_of(const std::vector<std::string>& environment) {
  const std::string name = "CUDA_VISIBLE_DEVICES=";
  const auto is_it = [&](const std::string& entry) { return entry.starts_with(name); };
  EXPECT_LE(std::ranges::count_if(environment, is_it), 1);
  const auto found = std::ranges::find_if(environment, is_it);
  if (found == environment.end()) return std::nullopt;
  return found->substr(name.size());
}

TEST(DeviceBinding, GivesEachRankOfAHostADeviceOfItsOwn) {
  for (const Case& c : std::initializer_list<Case>{
           {"mpirun, first", {"OMPI_COMM_WORLD_LOCAL_RANK=0"}, 4, "0"},
           {"mpirun, last", {"OMPI_COMM_WORLD_LOCAL_RANK=3"}, 4, "3"},
           {"beside the coordinator the places begin at 1 and go round",
            {"OMPI_COMM_WORLD_LOCAL_RANK=4"},
            4,
            "0"},
           {"more ranks than devices share them", {"OMPI_COMM_WORLD_LOCAL_RANK=5"}, 2, "1"},
           {"srun", {"SLURM_LOCALID=2"}, 8, "2"},
           {"mpirun under Slurm: its daemon's place is not the rank's",
            {"SLURM_LOCALID=0", "OMPI_COMM_WORLD_LOCAL_RANK=3"},
            8,
            "3"},
           {"MPICH and Intel MPI", {"MPI_LOCALRANKID=1"}, 2, "1"},
           {"the job's share of a host",
            {"CUDA_VISIBLE_DEVICES=2,5,7", "OMPI_COMM_WORLD_LOCAL_RANK=1"},
            8,
            "5"},
           {"devices by name",
            {"CUDA_VISIBLE_DEVICES=GPU-aa,GPU-bb", "SLURM_LOCALID=1"},
            8,
            "GPU-bb"},
           {"what stands behind -1 is not visible",
            {"CUDA_VISIBLE_DEVICES=3,4,-1,5", "SLURM_LOCALID=2"},
            8,
            "3"},
           {"the site has bound the rank", {"CUDA_VISIBLE_DEVICES=6", "SLURM_LOCALID=3"}, 8, "6"},
           {"the site wants no device", {"CUDA_VISIBLE_DEVICES=", "SLURM_LOCALID=3"}, 8, ""},
           {"nor here", {"CUDA_VISIBLE_DEVICES=-1", "SLURM_LOCALID=3"}, 8, "-1"},
           {"one device is for all", {"OMPI_COMM_WORLD_LOCAL_RANK=1"}, 1, nullptr},
           {"no device", {"OMPI_COMM_WORLD_LOCAL_RANK=1"}, 0, nullptr},
           {"no place known", {"PATH=/bin"}, 4, nullptr},
           {"a place that is no number", {"SLURM_LOCALID=x"}, 4, nullptr},
           {"names that only begin alike",
            {"SLURM_LOCALIDX=1", "CUDA_VISIBLE_DEVICES_=1"},
            4,
            nullptr},
       }) {
    EXPECT_EQ(visible_of(bind_device(c.environment, c.devices)),
              c.visible == nullptr ? std::nullopt : std::optional<std::string>(c.visible))
        << c.what;
  }
}

TEST(DeviceBinding, LeavesTheRestOfTheEnvironment) {
  const std::vector<std::string> bound =
      bind_device({"A=1", "CUDA_VISIBLE_DEVICES=0,1", "SLURM_LOCALID=1", "B=2"}, 2);
  EXPECT_EQ(bound,
            (std::vector<std::string>{"A=1", "SLURM_LOCALID=1", "B=2", "CUDA_VISIBLE_DEVICES=1"}));
}

}  // namespace
}  // namespace vlsweep
