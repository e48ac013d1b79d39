#include "worker/trainer/stage/tune_settings.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "orchestrator/base/file.h"
#include "worker/trainer/model/lora.h"
#include "worker/trainer/train/schedule.h"

namespace vlsweep {
namespace {

// The rate of which all others are shares.
double leading_rate(const TuneSpec& spec) {
  if (spec.lr > 0) return spec.lr;
  const double others = std::max(spec.projector_lr.value_or(0), spec.vision_lr.value_or(0));
  return others > 0 ? others : 1;
}

// The members whose names begin with '@' say where things are and how often, not what they are.
nlohmann::json without_hints(const nlohmann::json& value) {
  if (!value.is_structured()) return value;
  nlohmann::json result = value.is_array() ? nlohmann::json::array() : nlohmann::json::object();
  for (const auto& [name, member] : value.items()) {
    if (value.is_array())
      result.push_back(without_hints(member));
    else if (!name.starts_with('@'))
      result[name] = without_hints(member);
  }
  return result;
}

}  // namespace

bool is_frozen(const TuneSpec& spec, std::string_view part) {
  return std::ranges::find(spec.freeze, part) != spec.freeze.end();
}

Result<> choose_trainable(const TuneSpec& spec, VisionLanguageModel& model) {
  const bool tunes_language = !is_frozen(spec, "language_model");
  if (spec.lora && tunes_language)
    attach_lora(model,
                {spec.lora->rank, spec.lora->alpha, spec.lora->dropout, spec.lora->targets,
                 spec.lora->rslora},
                spec.seed);
  else if (tunes_language)
    model.set_trainable(Part::language_model, true);
  if (model.has_vision()) {
    model.set_trainable(Part::projector, !is_frozen(spec, "projector"));
    model.set_trainable(Part::vision_tower, !is_frozen(spec, "vision_tower"));
  }
  if (model.trainable_parameters().empty())
    return fail(Errc::invalid, "leaves nothing to train", "spec.freeze");
  return {};
}

AdamWSettings optimizer_settings(const TuneSpec& spec) {
  const double lead = leading_rate(spec);
  AdamWSettings settings;
  settings.beta1 = spec.beta1;
  settings.beta2 = spec.beta2;
  settings.weight_decay = spec.weight_decay;
  settings.language_scale = spec.lr / lead;
  settings.projector_scale = spec.projector_lr.value_or(spec.lr) / lead;
  settings.vision_scale = spec.vision_lr.value_or(spec.lr) / lead;
  settings.eight_bit = spec.optimizer == OptimizerKind::adamw8bit;
  return settings;
}

LoopSettings loop_settings(const TuneSpec& spec, std::int64_t batches_per_epoch) {
  LoopSettings settings;
  const double epochs = spec.epochs.value_or(1) * static_cast<double>(batches_per_epoch);
  settings.steps = spec.steps.value_or(std::max<std::int64_t>(1, std::llround(epochs)));
  settings.stage_steps = settings.steps;
  settings.lr = leading_rate(spec);
  settings.clip = spec.clip;
  RateSchedule schedule{.kind = spec.schedule, .steps = settings.steps};
  schedule.warmup_steps = spec.warmup_steps.value_or(warmup_steps_of(spec.warmup, settings.steps));
  if (spec.lr > 0) {
    schedule.min_factor = spec.min_lr / spec.lr;
    schedule.warmup_factor = spec.warmup_lr / spec.lr;
  }
  settings.schedule = [schedule](std::int64_t step) { return schedule_factor(schedule, step); };
  settings.seconds_between_saves = spec.checkpoint_seconds;
  return settings;
}

BatchOrder batch_order(const TuneSpec& spec, const std::vector<TrainItem>& items) {
  const bool by_words = spec.grouping == Grouping::modality_length;
  std::vector<std::int64_t> lengths;
  for (const TrainItem& item : items)
    lengths.push_back(!by_words ? input_length(item) : item.image >= 0 ? item.words : -item.words);
  return BatchOrder(std::move(lengths), {.batch = spec.batch,
                                         .grouping = spec.grouping,
                                         .micro_batch = spec.micro_batch,
                                         .seed = spec.seed});
}

StepSettings step_settings(const TuneSpec& spec, bool trains_tower) {
  return {.micro_batch = spec.micro_batch,
          .normalization = spec.loss_normalization,
          .packing = spec.packing,
          .dropout_seed = spec.seed,
          .trains_tower = trains_tower};
}

std::string resume_digest(const StageRequest& request, const nlohmann::json& manifest,
                          const FlatAdamW& optimizer) {
  std::string text = without_hints(request.spec).dump() + manifest.dump();
  for (const auto& parent : request.parents) text += parent.string() + ';';
  for (const auto& [name, tensor] : optimizer.state())
    text += name + ' ' + std::to_string(tensor.numel()) + ' ' + c10::toString(tensor.scalar_type());
  return sha256_hex(text);
}

}  // namespace vlsweep
