#include "worker/trainer/parallel/backends.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#ifdef USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef VLSWEEP_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "worker/trainer/parallel/rendezvous.h"

namespace vlsweep {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLook{20};

std::string own_host() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

Result<C10dStore> serve_store(const GangPlace& place) {
  c10d::TCPStoreOptions options;
  options.port = 0;  // any that is free
  options.isServer = true;
  options.numWorkers = static_cast<std::size_t>(place.size);
  options.waitWorkers = false;
  options.timeout = place.timeout;
  auto store = c10::make_intrusive<c10d::TCPStore>("localhost", options);
  VLSWEEP_CHECK_OK(announce_address(place, {own_host(), store->getPort()}));
  return C10dStore(std::move(store));
}

Result<C10dStore> join_store(const GangPlace& place, const std::function<bool()>& cancelled) {
  VLSWEEP_TRY(const MemberAddress address, await_address(place, cancelled));
  c10d::TCPStoreOptions options;
  options.port = address.port;
  options.waitWorkers = false;
  options.timeout = place.timeout;
  // A host's name need not lead back to itself.
  const std::string host = address.host == own_host() ? "localhost" : address.host;
  return C10dStore(c10::make_intrusive<c10d::TCPStore>(host, options));
}

}  // namespace

Result<C10dStore> meet(const GangPlace& place, const std::function<bool()>& cancelled) {
  VLSWEEP_TRY(C10dStore store, place.rank == 0 ? serve_store(place) : join_store(place, cancelled));
  const auto deadline = steady_clock::now() + place.timeout;
  store->add("joined", 1);
  while (store->add("joined", 0) < place.size) {
    if (const auto word = find_word(place)) return std::unexpected(*word);
    if (cancelled()) return fail(Errc::cancelled, "stopped on request");
    if (steady_clock::now() > deadline)
      return fail(Errc::unavailable, "of a gang of " + std::to_string(place.size) + " only " +
                                         std::to_string(store->add("joined", 0)) + " came within " +
                                         std::to_string(place.timeout.count()) + " s");
    std::this_thread::sleep_for(kLook);
  }
  return store;
}

#ifdef USE_C10D_GLOO
Result<C10dBackend> make_gloo(const C10dStore& store, const GangPlace& place) {
  auto options = c10d::ProcessGroupGloo::Options::create(place.timeout);
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  options->devices.push_back(interface != nullptr
                                 ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                 : c10d::ProcessGroupGloo::createDefaultDevice());
  const C10dStore own = c10::make_intrusive<c10d::PrefixStore>("gloo", store);
  return C10dBackend(
      c10::make_intrusive<c10d::ProcessGroupGloo>(own, place.rank, place.size, options));
}
#else
Result<C10dBackend> make_gloo(const C10dStore&, const GangPlace&) {
  return fail(Errc::unavailable,
              "this libtorch was built without c10d's Gloo, so no stage can run on several ranks");
}
#endif

#ifdef VLSWEEP_NCCL
Result<C10dBackend> make_nccl(const C10dStore& store, const GangPlace& place) {
  // wait() then waits, and throws when its time is over, instead of leaving that to a thread that
  // ends the process.
  ::setenv("TORCH_NCCL_BLOCKING_WAIT", "1", 0);
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = place.timeout;
  const C10dStore own = c10::make_intrusive<c10d::PrefixStore>("nccl", store);
  return C10dBackend(
      c10::make_intrusive<c10d::ProcessGroupNCCL>(own, place.rank, place.size, options));
}
#else
Result<C10dBackend> make_nccl(const C10dStore&, const GangPlace&) {
  return fail(
      Errc::unavailable,
      "this trainer was built without NCCL (a libtorch for CUDA and nccl.h), so no stage can "
      "run on several GPUs");
}
#endif

}  // namespace vlsweep
