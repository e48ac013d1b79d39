#include "worker/trainer/model/dropout.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "worker/trainer/model/float_kernels.h"
#include "worker/trainer/model/kernels.h"

namespace vlsweep {
namespace {

constexpr std::int64_t kGroupsPerTask = 256;

PhiloxStream stream_of(const DropoutMask& mask) {
  return {mask.key.seed, mask.stream, mask.key.step, mask.key.micro_batch};
}

template <class Loop>
void for_groups(std::int64_t count, const Loop& loop) {
  const std::int64_t groups = (count + kDropoutGroup - 1) / kDropoutGroup;
  at::parallel_for(0, groups, kGroupsPerTask, [&](std::int64_t begin, std::int64_t end) {
    loop(begin * kDropoutGroup, std::min(end * kDropoutGroup, count));
  });
}

// SplitMix64's output function.
std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

std::uint64_t device_seed(const DropoutMask& mask) {
  const std::uint64_t place =
      mixed(static_cast<std::uint64_t>(mask.key.step) << 32 | mask.key.micro_batch);
  return mixed(mixed(mask.key.seed) + mixed(place + mask.stream));
}

// 0 or 1 / (1 - probability) for every element of x.
at::Tensor factors(const DropoutMask& mask, const at::Tensor& x) {
  if (x.is_cpu()) return mask.apply(at::ones(x.sizes(), at::kFloat)).to(x.scalar_type());
  at::Generator generator = at::globalContext().defaultGenerator(x.device()).clone();
  generator.set_current_seed(device_seed(mask));
  const double kept = 1 - mask.probability;
  return at::empty(x.sizes(), x.options().requires_grad(false))
      .bernoulli_(kept, generator)
      .div_(kept);
}

}  // namespace

at::Tensor DropoutMask::apply(const at::Tensor& x) const {
  if (!is_cpu_float(x)) return x * factors(*this, x);
  const at::Tensor whole = x.contiguous();
  at::Tensor y = at::empty_like(whole);
  for_groups(y.numel(), [&](std::int64_t begin, std::int64_t end) {
    dropout_forward(stream_of(*this), probability, begin, end, whole.const_data_ptr<float>(),
                    y.mutable_data_ptr<float>());
  });
  return y;
}

void DropoutMask::add_applied(at::Tensor& target, const at::Tensor& x) const {
  if (!is_cpu_float(x) || !target.is_contiguous()) {
    target.add_(apply(x));
    return;
  }
  const at::Tensor whole = x.contiguous();
  for_groups(whole.numel(), [&](std::int64_t begin, std::int64_t end) {
    dropout_add(stream_of(*this), probability, begin, end, whole.const_data_ptr<float>(),
                target.mutable_data_ptr<float>());
  });
}

}  // namespace vlsweep
