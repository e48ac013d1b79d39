// The trainers that run one stage together, and what they tell each other: sums of gradients, parts
// of parameters, agreements. Every member calls the same functions in the same order.
//
// Belongs to one thread. A member that is lost, or silent for longer than the place's timeout,
// makes the others' next exchange throw GangError, as libtorch throws in the middle of a step;
// StageRunner stops it.
#pragma once

#include <torch/torch.h>

#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/trainer/parallel/gang_place.h"

namespace vlsweep {

struct GangError : std::exception {
  explicit GangError(Error why) : error(std::move(why)), text(error.text()) {}
  const char* what() const noexcept override { return text.c_str(); }
  Error error;
  std::string text;
};

class ProcessGroup {
 public:
  // Waits for the other members. Tensors of the exchanges lie on `device`. unavailable: a member
  // did not come in time, or libtorch lacks what it takes; cancelled; or the reason of a member
  // that failed first.
  static Result<std::unique_ptr<ProcessGroup>> join(const GangPlace& place, at::Device device,
                                                    const std::function<bool()>& cancelled);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  int rank() const { return place_.rank; }
  int size() const { return place_.size; }

  // Element-wise over all members, in place.
  void sum(at::Tensor tensor);
  // `flat` [size * n] is summed over all members; this one gets its own part, [n] at rank * n of
  // `flat` itself. What the other parts hold afterwards is not said.
  at::Tensor sum_scattered(at::Tensor flat);
  // The reverse: this member's part of `flat` goes to all others, theirs come here.
  void gather(at::Tensor flat);
  // This member's part of a flat tensor of size * n.
  at::Tensor part(const at::Tensor& flat) const;

  // Agreements, over the CPU: they work when a device's memory is exhausted.
  bool any(bool mine);
  std::vector<double> sum(std::vector<double> numbers);

  // Says why this member leaves before the end. Call it before the group is destroyed, so that the
  // others find the reason when they find the connection closed.
  void leave_word(const Error& reason) const;

 private:
  struct Backends;
  ProcessGroup(GangPlace place, std::unique_ptr<Backends> backends);
  template <class Exchange>
  void exchange(const char* what, Exchange&& exchange);

  GangPlace place_;
  std::unique_ptr<Backends> backends_;
};

}  // namespace vlsweep
