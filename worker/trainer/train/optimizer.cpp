#include "worker/trainer/train/optimizer.h"

#include <map>
#include <tuple>

namespace vlsweep {
namespace {

// Each parameter begins on a 64-byte boundary, as an allocation of its own would: kernels and their
// results then do not hang on what lies before it.
constexpr std::int64_t kAlignment = 16;

std::int64_t aligned(std::int64_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

FlatAdamW::FlatAdamW(const std::vector<TrainableParameter>& parameters,
                     const AdamWSettings& settings, ProcessGroup* gang)
    : settings_(settings), gang_(gang) {
  using Kind = std::tuple<bool, bool, at::ScalarType>;
  std::map<Kind, std::vector<TrainableParameter>> groups;
  for (const TrainableParameter& parameter : parameters)
    groups[{parameter.part == Part::projector, parameter.decays, parameter.tensor.scalar_type()}]
        .push_back(parameter);
  for (const auto& [kind, members] : groups)
    add_group(members, std::get<0>(kind) ? settings.projector_scale : 1.0,
              std::get<1>(kind) ? settings.weight_decay : 0.0);
}

void FlatAdamW::add_group(const std::vector<TrainableParameter>& parameters, double lr_scale,
                          double weight_decay) {
  const torch::NoGradGuard no_grad;
  std::int64_t size = 0;
  for (const TrainableParameter& parameter : parameters) size += aligned(parameter.tensor.numel());
  const std::int64_t members = gang_ == nullptr ? 1 : gang_->size();
  size = (size + kAlignment * members - 1) / (kAlignment * members) * (kAlignment * members);
  const auto options = parameters.front().tensor.options().requires_grad(false);
  Group group{.lr_scale = lr_scale,
              .weight_decay = weight_decay,
              .values = at::zeros({size}, options),
              .gradients = at::zeros({size}, options),
              .moments = at::zeros({size / members}, options),
              .square_moments = at::zeros({size / members}, options),
              .steps = at::zeros({}, options.dtype(at::kFloat))};
  const auto own = [&](const at::Tensor& flat) {
    return gang_ == nullptr ? flat : gang_->part(flat);
  };
  group.own_values = own(group.values);
  group.own_gradients = own(group.gradients);
  std::int64_t offset = 0;
  for (const TrainableParameter& parameter : parameters) {
    at::Tensor tensor = parameter.tensor;
    const auto place = [&](const at::Tensor& flat) {
      return flat.narrow(0, offset, tensor.numel()).view(tensor.sizes());
    };
    const at::Tensor values = place(group.values);
    values.copy_(tensor);
    tensor.set_data(values);
    tensor.mutable_grad() = place(group.gradients);
    parameters_.push_back(tensor);
    offset += aligned(tensor.numel());
  }
  groups_.push_back(std::move(group));
}

FlatAdamW::~FlatAdamW() {
  for (at::Tensor& parameter : parameters_) parameter.mutable_grad() = at::Tensor();
}

void FlatAdamW::zero_gradients() {
  for (Group& group : groups_) group.gradients.zero_();
}

void FlatAdamW::sum_gradients() {
  if (gang_ == nullptr) return;
  for (Group& group : groups_) gang_->sum_scattered(group.gradients);
}

at::Tensor FlatAdamW::gradient_norm() const {
  if (gang_ == nullptr && groups_.size() == 1)
    return at::linalg_vector_norm(groups_.front().gradients);
  std::vector<at::Tensor> norms;
  for (const Group& group : groups_)
    norms.push_back(at::linalg_vector_norm(group.own_gradients).to(at::kFloat));
  const at::Tensor norm = at::linalg_vector_norm(at::stack(norms));
  if (gang_ == nullptr) return norm;
  const at::Tensor square = norm.square();
  gang_->sum(square);
  return square.sqrt();
}

void FlatAdamW::clip_gradients(const at::Tensor& norm, double limit) {
  const at::Tensor factor = at::clamp_max(limit / (norm + 1e-6), 1.0);
  for (Group& group : groups_) group.own_gradients.mul_(factor);
}

void FlatAdamW::step(double lr) {
  const torch::NoGradGuard no_grad;
  for (Group& group : groups_) {
    group.steps.add_(1);
    at::_fused_adamw_({group.own_values}, {group.own_gradients}, {group.moments},
                      {group.square_moments}, {}, {group.steps}, lr * group.lr_scale,
                      settings_.beta1, settings_.beta2, group.weight_decay, settings_.epsilon,
                      false, false);
    if (gang_ != nullptr) gang_->gather(group.values);
  }
}

}  // namespace vlsweep
