#include "worker/trainer/parallel/process_group.h"

#include <string>
#include <utility>

#include "worker/trainer/parallel/backends.h"
#include "worker/trainer/parallel/rendezvous.h"

namespace vlsweep {
namespace {

std::string first_line(std::string text) { return text.substr(0, text.find('\n')); }

Result<std::pair<C10dBackend, C10dBackend>> make_backends(const C10dStore& store,
                                                          const GangPlace& place,
                                                          at::Device device) {
  VLSWEEP_TRY(C10dBackend control, make_gloo(store, place));
  if (device.is_cpu()) return std::pair(control, control);
  VLSWEEP_TRY(C10dBackend data, make_nccl(store, place));
  return std::pair(std::move(control), std::move(data));
}

}  // namespace

struct ProcessGroup::Backends {
  C10dStore store;      // lives as long as what was made from it
  C10dBackend control;  // CPU
  C10dBackend data;     // the device
  bool scatters = false;
};

ProcessGroup::ProcessGroup(GangPlace place, std::unique_ptr<Backends> backends)
    : place_(std::move(place)), backends_(std::move(backends)) {}

ProcessGroup::~ProcessGroup() = default;

Result<std::unique_ptr<ProcessGroup>> ProcessGroup::join(const GangPlace& place, at::Device device,
                                                         const std::function<bool()>& cancelled) {
  try {
    VLSWEEP_TRY(C10dStore store, meet(place, cancelled));
    VLSWEEP_TRY(auto backends, make_backends(store, place, device));
    auto made = std::make_unique<Backends>();
    made->store = std::move(store);
    made->control = std::move(backends.first);
    made->data = std::move(backends.second);
    made->scatters = !device.is_cpu();
    return std::unique_ptr<ProcessGroup>(new ProcessGroup(place, std::move(made)));
  } catch (const std::exception& error) {
    if (const auto word = find_word(place)) return std::unexpected(*word);
    return fail(Errc::unavailable, "the gang of " + std::to_string(place.size) +
                                       " did not come together: " + first_line(error.what()));
  }
}

// Turns what c10d throws into the reason that a member left word of, if one did.
template <class Exchange>
void ProcessGroup::exchange(const char* what, Exchange&& exchange) {
  try {
    const c10::intrusive_ptr<c10d::Work> work = exchange();
    if (!work->wait())
      throw GangError(Error{Errc::unavailable, std::string("the gang gave up ") + what, {}});
  } catch (const GangError&) {
    throw;
  } catch (const std::exception& error) {
    if (const auto word = find_word(place_)) throw GangError(*word);
    throw GangError(Error{Errc::unavailable,
                          "member " + std::to_string(place_.rank) + " of the gang of " +
                              std::to_string(place_.size) + " lost another one while " + what +
                              " (" + first_line(error.what()) + ")",
                          {}});
  }
}

void ProcessGroup::sum(at::Tensor tensor) {
  const torch::NoGradGuard no_grad;
  std::vector<at::Tensor> tensors{std::move(tensor)};
  exchange("summing over its members", [&] { return backends_->data->allreduce(tensors); });
}

at::Tensor ProcessGroup::part(const at::Tensor& flat) const {
  const std::int64_t size = flat.size(0) / place_.size;
  return flat.narrow(0, size * place_.rank, size);
}

at::Tensor ProcessGroup::sum_scattered(at::Tensor flat) {
  const torch::NoGradGuard no_grad;
  at::Tensor own = part(flat);
  if (backends_->scatters) {
    exchange("summing gradients", [&] { return backends_->data->_reduce_scatter_base(own, flat); });
  } else {
    sum(flat);  // Gloo's reduce-scatter is an all-reduce of a copy
  }
  return own;
}

void ProcessGroup::gather(at::Tensor flat) {
  const torch::NoGradGuard no_grad;
  // NCCL gathers in place; Gloo wants a source of its own.
  at::Tensor own = backends_->scatters ? part(flat) : part(flat).clone();
  exchange("gathering parameters", [&] { return backends_->data->_allgather_base(flat, own); });
}

std::vector<double> ProcessGroup::sum(std::vector<double> numbers) {
  std::vector<at::Tensor> tensors{
      at::from_blob(numbers.data(), {static_cast<std::int64_t>(numbers.size())}, at::kDouble)};
  exchange("agreeing", [&] { return backends_->control->allreduce(tensors); });
  return numbers;
}

bool ProcessGroup::any(bool mine) { return sum(std::vector{mine ? 1.0 : 0.0}).front() > 0; }

void ProcessGroup::leave_word(const Error& reason) const { vlsweep::leave_word(place_, reason); }

}  // namespace vlsweep
