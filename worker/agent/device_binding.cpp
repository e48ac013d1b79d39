#include "worker/agent/device_binding.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <string_view>

namespace vlsweep {
namespace {

constexpr std::string_view kVisible = "CUDA_VISIBLE_DEVICES";

std::optional<std::string_view> value_of(const std::vector<std::string>& environment,
                                         std::string_view name) {
  for (const std::string& entry : environment)
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name))
      return std::string_view(entry).substr(name.size() + 1);
  return std::nullopt;
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What is visible to the rank: names as CUDA takes them ("0", "GPU-8932f937", "MIG-...").
std::vector<std::string> visible_devices(const std::vector<std::string>& environment,
                                         std::uint32_t num_devices) {
  std::vector<std::string> devices;
  const std::optional<std::string_view> listed = value_of(environment, kVisible);
  if (!listed) {
    for (std::uint32_t i = 0; i < num_devices; ++i) devices.push_back(std::to_string(i));
    return devices;
  }
  for (std::size_t begin = 0; begin < listed->size();) {
    const std::size_t end = std::min(listed->find(',', begin), listed->size());
    const std::string_view device = listed->substr(begin, end - begin);
    if (device.starts_with('-')) break;  // as CUDA: what stands behind -1 is not visible
    devices.emplace_back(device);
    begin = end + 1;
  }
  return devices;
}

}  // namespace

std::optional<std::uint32_t> local_rank(const std::vector<std::string>& environment) {
  // SLURM_LOCALID comes last: under mpirun it is that of mpirun's own daemon, the same for all.
  static constexpr std::array<std::string_view, 7> kNames = {"OMPI_COMM_WORLD_LOCAL_RANK",
                                                             "PMIX_LOCAL_RANK",
                                                             "MPI_LOCALRANKID",
                                                             "MV2_COMM_WORLD_LOCAL_RANK",
                                                             "PALS_LOCAL_RANKID",
                                                             "FLUX_TASK_LOCAL_ID",
                                                             "SLURM_LOCALID"};
  for (const std::string_view name : kNames)
    if (const auto value = value_of(environment, name))
      if (const auto rank = number(*value)) return rank;
  return std::nullopt;
}

std::vector<std::string> bind_device(std::vector<std::string> environment,
                                     std::uint32_t num_devices) {
  const std::vector<std::string> devices = visible_devices(environment, num_devices);
  const std::optional<std::uint32_t> place = local_rank(environment);
  if (devices.size() < 2 || !place) return environment;
  std::erase_if(environment, [](const std::string& entry) {
    return entry.starts_with(kVisible) && entry.size() > kVisible.size() &&
           entry[kVisible.size()] == '=';
  });
  environment.push_back(std::string(kVisible) + "=" + devices[*place % devices.size()]);
  return environment;
}

std::uint32_t num_devices() {
  std::uint32_t devices = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/dev", error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename();
    devices += name.starts_with("nvidia") && number(std::string_view(name).substr(6)).has_value();
  }
  return devices;
}

}  // namespace vlsweep
