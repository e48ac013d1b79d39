#include "worker/trainer/train/optimizer.h"

#include <algorithm>
#include <compare>
#include <map>

namespace vlsweep {
namespace {

// Each parameter begins on a 64-byte boundary, as an allocation of its own would: kernels and their
// results then do not hang on what lies before it. In 8 bits it begins a block of its own.
constexpr std::int64_t kAlignment = 16;
// Values whose gradients are widened at a time.
constexpr std::int64_t kWidened = std::int64_t{1} << 22;

// torch.amp.GradScaler's.
constexpr double kFirstScale = 65536, kGrowth = 2, kBackOff = 0.5;
constexpr double kStepsToGrow = 2000;

std::int64_t round_up(std::int64_t size, std::int64_t multiple) {
  return (size + multiple - 1) / multiple * multiple;
}

// transformers' Trainer has bitsandbytes keep 32 bits for every nn.Embedding.
bool is_embedding(const std::string& name) {
  return name.ends_with("embed_tokens.weight") || name.ends_with("position_embedding.weight");
}

double scale_of(Part part, const AdamWSettings& settings) {
  switch (part) {
    case Part::vision_tower:
      return settings.vision_scale;
    case Part::projector:
      return settings.projector_scale;
    case Part::language_model:
      break;
  }
  return settings.language_scale;
}

const char* name_of(Part part) {
  if (part == Part::vision_tower) return "vision_tower";
  return part == Part::projector ? "projector" : "language_model";
}

}  // namespace

// What the parameters of a group have in common.
struct FlatAdamW::Kind {
  Part part;
  bool decays;
  at::ScalarType type;
  bool eight_bit;
  auto operator<=>(const Kind&) const = default;

  std::int64_t alignment() const { return eight_bit ? kQuantizationBlock : kAlignment; }
  std::string name() const {
    return std::string(name_of(part)) + (decays ? ".decays." : ".") + c10::toString(type) +
           (eight_bit ? ".8bit" : "");
  }
};

FlatAdamW::FlatAdamW(const std::vector<TrainableParameter>& parameters,
                     const AdamWSettings& settings, ProcessGroup* gang)
    : settings_(settings),
      gang_(gang),
      scaling_(at::zeros({2}, at::TensorOptions().dtype(at::kDouble).device(at::kCPU))) {
  std::map<Kind, std::vector<TrainableParameter>> groups;
  for (const TrainableParameter& parameter : parameters) {
    const at::ScalarType type = parameter.tensor.scalar_type();
    const bool eight_bit = settings.eight_bit && !is_embedding(parameter.name) &&
                           parameter.tensor.numel() >= kLeastEightBitSize;
    groups[{parameter.part, parameter.decays, type, eight_bit}].push_back(parameter);
    scales_loss_ = scales_loss_ || type == at::kHalf;
  }
  for (const auto& [kind, members] : groups) add_group(kind, members);
  scaling_[0].fill_(scales_loss_ ? kFirstScale : 1.0);
}

void FlatAdamW::add_group(const Kind& kind, const std::vector<TrainableParameter>& parameters) {
  const torch::NoGradGuard no_grad;
  std::int64_t size = 0;
  for (const TrainableParameter& parameter : parameters)
    size += round_up(parameter.tensor.numel(), kind.alignment());
  const std::int64_t members = gang_ == nullptr ? 1 : gang_->size();
  size = round_up(size, kind.alignment() * members);
  const auto options = parameters.front().tensor.options().requires_grad(false);
  const auto wide = options.dtype(at::kFloat);
  Group group{.name = kind.name(),
              .lr_scale = scale_of(kind.part, settings_),
              .weight_decay = kind.decays ? settings_.weight_decay : 0,
              .values = at::zeros({size}, options),
              .gradients = at::zeros({size}, options),
              .steps = at::zeros({}, wide)};
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
    offset += round_up(tensor.numel(), kind.alignment());
  }
  const auto own = [&](const at::Tensor& flat) {
    return gang_ == nullptr ? flat : gang_->part(flat);
  };
  group.own_values = own(group.values);
  group.own_gradients = own(group.gradients);
  group.masters = kind.type == at::kFloat ? group.own_values : group.own_values.to(at::kFloat);
  if (kind.eight_bit) {
    group.eight_bit.emplace(size / members, options.device());
  } else {
    group.moments = at::zeros({size / members}, wide);
    group.square_moments = at::zeros({size / members}, wide);
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
  const auto norm_of = [](const Group& group) {
    return at::linalg_vector_norm(group.own_gradients, 2, {}, false, at::kFloat);
  };
  at::Tensor norm;
  if (gang_ == nullptr && groups_.size() == 1) {
    norm = norm_of(groups_.front());
  } else {
    std::vector<at::Tensor> norms;
    for (const Group& group : groups_) norms.push_back(norm_of(group));
    norm = at::linalg_vector_norm(at::stack(norms));
  }
  if (gang_ != nullptr) {
    const at::Tensor square = norm.square();
    gang_->sum(square);
    norm = square.sqrt();
  }
  return scales_loss_ ? norm / loss_scale() : norm;
}

void FlatAdamW::clip_gradients(const at::Tensor& norm, double limit) {
  if (limit <= 0 && !scales_loss_) return;
  at::Tensor factor = limit > 0 ? at::clamp_max(limit / (norm + 1e-6), 1.0) : at::ones_like(norm);
  if (scales_loss_) factor = factor / loss_scale();
  for (Group& group : groups_) {
    if (group.has_masters())
      group.factor = factor;
    else
      group.own_gradients.mul_(factor);
  }
}

void FlatAdamW::step_part(Group& group, double lr, std::int64_t first, std::int64_t count) {
  const auto part = [&](const at::Tensor& flat) { return flat.narrow(0, first, count); };
  const at::Tensor masters = part(group.masters);
  at::Tensor gradients = part(group.own_gradients).to(at::kFloat);
  if (group.factor.defined()) gradients.mul_(group.factor);
  if (group.eight_bit)
    step_eight_bit({lr, settings_.beta1, settings_.beta2, settings_.epsilon, group.weight_decay,
                    group.steps.item<std::int64_t>()},
                   *group.eight_bit, first, gradients, masters);
  else
    at::_fused_adamw_({masters}, {gradients}, {part(group.moments)}, {part(group.square_moments)},
                      {}, {group.steps}, lr, settings_.beta1, settings_.beta2, group.weight_decay,
                      settings_.epsilon, false, false);
  if (group.has_masters()) part(group.own_values).copy_(masters);
}

void FlatAdamW::step(double lr) {
  const torch::NoGradGuard no_grad;
  for (Group& group : groups_) {
    group.steps.add_(1);
    const std::int64_t size = group.masters.numel();
    const std::int64_t each = group.has_masters() ? kWidened : std::max<std::int64_t>(1, size);
    for (std::int64_t first = 0; first < size; first += each)
      step_part(group, lr * group.lr_scale, first, std::min(each, size - first));
    group.factor = at::Tensor();
    if (gang_ != nullptr) gang_->gather(group.values);
  }
  if (!scales_loss_) return;
  double* scaling = scaling_.mutable_data_ptr<double>();
  if (++scaling[1] < kStepsToGrow) return;
  scaling[0] *= kGrowth;
  scaling[1] = 0;
}

double FlatAdamW::loss_scale() const { return scaling_.const_data_ptr<double>()[0]; }

bool FlatAdamW::back_off() {
  double* scaling = scaling_.mutable_data_ptr<double>();
  if (!scales_loss_ || scaling[0] < 1) return false;
  scaling[0] *= kBackOff;
  scaling[1] = 0;
  for (Group& group : groups_) group.factor = at::Tensor();
  return true;
}

std::vector<std::pair<std::string, at::Tensor>> FlatAdamW::state() const {
  std::vector<std::pair<std::string, at::Tensor>> tensors{{"loss_scale", scaling_}};
  for (const Group& group : groups_) {
    const auto add = [&](const char* what, const at::Tensor& tensor) {
      tensors.emplace_back(group.name + what, tensor);
    };
    add(".values", group.masters);
    add(".steps", group.steps);
    if (group.eight_bit) {
      add(".moments", group.eight_bit->codes);
      add(".moments.absmax", group.eight_bit->absmax);
      add(".square_moments", group.eight_bit->square_codes);
      add(".square_moments.absmax", group.eight_bit->square_absmax);
    } else {
      add(".moments", group.moments);
      add(".square_moments", group.square_moments);
    }
  }
  return tensors;
}

void FlatAdamW::restored() {
  const torch::NoGradGuard no_grad;
  for (Group& group : groups_) {
    if (group.has_masters()) group.own_values.copy_(group.masters);
    if (gang_ != nullptr) gang_->gather(group.values);
  }
}

}  // namespace vlsweep
