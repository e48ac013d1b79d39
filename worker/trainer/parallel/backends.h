// c10d's process groups behind the interface that they share: Gloo for what lies on the CPU and
// NCCL, where libtorch has it, for what lies on CUDA devices. The only file beside
// process_group.cpp that knows c10d.
//
// Plain functions; they throw what c10d throws (std::exception).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "orchestrator/base/result.h"
#include "worker/trainer/parallel/gang_place.h"

namespace vlsweep {

using C10dStore = c10::intrusive_ptr<c10d::Store>;
using C10dBackend = c10::intrusive_ptr<c10d::Backend>;

// Finds the other members: member 0 serves a TCPStore that the others join. Returns once all are
// there. unavailable: somebody did not come in time; cancelled.
Result<C10dStore> meet(const GangPlace& place, const std::function<bool()>& cancelled);

// For CPU tensors. Obeys GLOO_SOCKET_IFNAME, as torch.distributed does.
Result<C10dBackend> make_gloo(const C10dStore& store, const GangPlace& place);
// For CUDA tensors. unavailable: this libtorch was built without NCCL.
Result<C10dBackend> make_nccl(const C10dStore& store, const GangPlace& place);

}  // namespace vlsweep
