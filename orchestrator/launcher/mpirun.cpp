#include "orchestrator/launcher/mpirun.h"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <thread>

#include "orchestrator/base/child_process.h"
#include "orchestrator/base/file.h"

namespace vlsweep {
namespace {

constexpr std::string_view kNoMpi =
    "no mpirun was found; install Open MPI (Debian: apt install openmpi-bin) or name one in "
    "$VLSWEEP_MPIRUN";
constexpr std::chrono::seconds kVersionPatience{20};

std::string environment_value(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::filesystem::path> locate() {
  if (const std::string named = environment_value("VLSWEEP_MPIRUN"); !named.empty()) {
    if (::access(named.c_str(), X_OK) == 0) return named;
    return fail(Errc::unavailable,
                "$VLSWEEP_MPIRUN names '" + named + "', which is not a program that can be run");
  }
  std::string_view rest;
  const std::string path = environment_value("PATH");
  for (rest = path; !rest.empty();) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const auto candidate = std::filesystem::path(rest.substr(0, end)) / "mpirun";
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return fail(Errc::unavailable, std::string(kNoMpi));
}

// Its output; empty if it does not end in time.
Result<std::string> ask_version(const std::filesystem::path& program,
                                const std::filesystem::path& scratch) {
  std::error_code ignored;
  std::filesystem::remove(scratch, ignored);
  VLSWEEP_TRY(ChildProcess child, ChildProcess::spawn({.arguments = {program.string(), "--version"},
                                                       .environment = mpirun_environment(),
                                                       .log = scratch}));
  const auto deadline = std::chrono::steady_clock::now() + kVersionPatience;
  while (!child.poll() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto status = child.poll();
  VLSWEEP_TRY(std::string text, read_file(scratch, 1U << 20));
  if (status && status->success()) return text;
  return fail(Errc::unavailable, "'" + program.string() + " --version' does not work (" +
                                     (status ? status->text() : "no answer") + ")" +
                                     (text.empty() ? "" : ": " + text.substr(0, text.find('\n'))));
}

}  // namespace

MpiFlavour flavour_of(std::string_view version_text) {
  constexpr std::string_view kName = "(Open MPI) ";
  const std::size_t at = version_text.find(kName);
  if (at == std::string_view::npos) return MpiFlavour::other;
  const std::string_view number = version_text.substr(at + kName.size());
  int major = 0;
  std::from_chars(number.data(), number.data() + number.size(), major);
  if (major == 0) return MpiFlavour::other;
  return major < 5 ? MpiFlavour::open_mpi_4 : MpiFlavour::open_mpi_5;
}

Result<Mpirun> find_mpirun(const std::filesystem::path& scratch) {
  VLSWEEP_TRY(const std::filesystem::path program, locate());
  VLSWEEP_TRY(const std::string text, ask_version(program, scratch));
  return Mpirun{program, flavour_of(text), text.substr(0, text.find('\n'))};
}

std::vector<std::string> mpirun_arguments(const Mpirun& mpirun, std::uint32_t processes,
                                          bool single_host,
                                          const std::vector<std::string>& rank_command) {
  std::vector<std::string> all{mpirun.program.string()};
  const auto add = [&](std::initializer_list<const char*> more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  // A dead rank must not end the others. Ranks are not bound to cores: their trainers would inherit
  // it, and training wants all of them.
  if (mpirun.flavour == MpiFlavour::open_mpi_4)
    add({"--enable-recovery", "--oversubscribe", "--bind-to", "none", "--tag-output"});
  if (mpirun.flavour == MpiFlavour::open_mpi_5)
    add({"--with-ft", "ulfm", "--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"});
  if (single_host && mpirun.flavour == MpiFlavour::open_mpi_4)
    add({"--mca", "plm", "isolated", "--mca", "oob_tcp_if_include", "lo", "--mca", "btl",
         "self,vader", "--mca", "btl_vader_single_copy_mechanism", "none"});
  add({"-n"});
  all.push_back(std::to_string(processes));
  all.insert(all.end(), rank_command.begin(), rank_command.end());
  return all;
}

std::vector<std::string> mpirun_environment() {
  std::vector<std::string> environment = current_environment();
  if (::geteuid() == 0) {
    environment.emplace_back("OMPI_ALLOW_RUN_AS_ROOT=1");
    environment.emplace_back("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1");
  }
  return environment;
}

bool is_single_host() {
  for (const char* name : {"SLURM_JOB_NUM_NODES", "SLURM_NNODES"})
    if (const std::string nodes = environment_value(name); !nodes.empty()) return nodes == "1";
  return environment_value("PBS_NODEFILE").empty() && environment_value("LSB_HOSTS").empty();
}

}  // namespace vlsweep
