// Random weights for make_random_model and attach_lora. The numbers are our own (mt19937_64 and
// Box-Muller in double), since ATen's differ between instruction sets.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "worker/trainer/model/lora.h"
#include "worker/trainer/model/vision_language_model.h"

namespace vlsweep {
namespace {

class RandomNumbers {
 public:
  explicit RandomNumbers(std::uint64_t seed) : engine_(seed) {}

  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }  // [0, 1)
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

  void fill_normal(const at::Tensor& target, double std_deviation) {
    fill(target, [&] { return normal() * std_deviation; });
  }
  void fill_uniform(const at::Tensor& target, double bound) {
    fill(target, [&] { return (2.0 * uniform() - 1.0) * bound; });
  }

 private:
  template <class Draw>
  void fill(const at::Tensor& target, Draw draw) {
    const at::NoGradGuard no_grad;
    at::Tensor values = at::empty(target.sizes(), at::kFloat);
    float* data = values.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < values.numel(); ++i) data[i] = static_cast<float>(draw());
    target.copy_(values);
  }

  std::mt19937_64 engine_;
};

double deviation_of(const std::string& name, const InitSettings& settings, std::int64_t inputs) {
  const auto scaled = [&](double gain) { return gain / std::sqrt(static_cast<double>(inputs)); };
  if (name.ends_with("embed_tokens.weight")) return settings.embedding_std;
  if (name.ends_with("class_embedding") || name.ends_with("position_embedding.weight")) {
    return settings.position_std;
  }
  if (name.find("linear_1") != name.npos) return scaled(settings.projector_in_gain);
  if (name.find("linear_2") != name.npos) return scaled(settings.projector_out_gain);
  for (const char* residual : {"o_proj", "down_proj", "out_proj", "fc2"}) {
    if (name.find(residual) != name.npos) return scaled(settings.residual_gain);
  }
  return scaled(settings.linear_gain);
}

}  // namespace

std::unique_ptr<VisionLanguageModel> make_random_model(const ModelConfig& config,
                                                       std::uint64_t seed,
                                                       const InitSettings& settings,
                                                       at::Device device) {
  auto model = std::make_unique<VisionLanguageModel>(config, at::kFloat, device);
  RandomNumbers random(seed);
  for (const NamedTensor& tensor : model->named_tensors()) {
    const at::Tensor view = tensor.view();
    if (tensor.name.ends_with(".bias")) {
      view.zero_();
    } else if (view.dim() == 1 && !tensor.name.ends_with("class_embedding")) {
      view.fill_(1.0);
    } else {
      random.fill_normal(view, deviation_of(tensor.name, settings, view.numel() / view.size(0)));
    }
  }
  return model;
}

namespace {

bool is_target(const LinearPart& part, const LoraSettings& settings) {
  return std::ranges::any_of(settings.targets, [&](const std::string& target) {
    return part.name.ends_with("." + target);
  });
}

}  // namespace

void attach_lora(VisionLanguageModel& model, const LoraSettings& settings, std::uint64_t seed) {
  TORCH_CHECK(!settings.targets.empty(), "LoRA without targets");
  for (const std::string& target : settings.targets) {
    TORCH_CHECK(std::ranges::find(kLoraTargets, target) != kLoraTargets.end(),
                "unknown LoRA target: ", target);
  }
  RandomNumbers random(seed);
  for (Part part : {Part::vision_tower, Part::language_model}) model.set_trainable(part, false);
  model.set_trainable(Part::projector, true);
  const auto options = at::TensorOptions().dtype(at::kFloat).device(model.device());
  std::uint32_t stream = 0;
  for (FusedLinear* linear : model.language_linears()) {
    Lora lora;
    lora.rank = settings.rank;
    lora.alpha = settings.alpha;
    lora.rslora = settings.rslora;
    lora.dropout = settings.dropout;
    lora.stream = stream;
    stream += kMaxLinearParts;
    for (std::size_t i = 0; i < linear->parts.size(); ++i) {
      if (!is_target(linear->parts[i], settings)) continue;
      lora.parts.push_back(
          {i, at::zeros({linear->parts[i].num_rows, settings.rank}, options).requires_grad_(true)});
    }
    if (lora.parts.empty()) continue;
    const std::int64_t inputs = linear->weight.size(1);
    lora.a = at::zeros({settings.rank * std::ssize(lora.parts), inputs}, options);
    // kaiming_uniform with a = sqrt(5): bound = 1 / sqrt(fan in).
    random.fill_uniform(lora.a, 1.0 / std::sqrt(static_cast<double>(inputs)));
    lora.a.requires_grad_(true);
    linear->lora = std::move(lora);
  }
}

}  // namespace vlsweep
