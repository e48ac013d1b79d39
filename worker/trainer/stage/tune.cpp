// A tune stage: a checkpoint, trained fully or by LoRA on a mixture of data sources.
#include <algorithm>
#include <cmath>
#include <utility>

#include "orchestrator/base/file.h"
#include "worker/trainer/architecture/architecture.h"
#include "worker/trainer/model/checkpoint.h"
#include "worker/trainer/model/lora.h"
#include "worker/trainer/stage/mixture.h"
#include "worker/trainer/stage/workplace.h"
#include "worker/trainer/train/loop.h"
#include "worker/trainer/train/optimizer.h"
#include "worker/trainer/train/schedule.h"

namespace vlsweep {
namespace {

bool is_frozen(const TuneSpec& spec, const char* part) {
  return std::ranges::find(spec.freeze, part) != spec.freeze.end();
}

Result<> choose_trainable(const TuneSpec& spec, VisionLanguageModel& model) {
  if (model.has_vision() && !is_frozen(spec, "vision_tower"))
    return fail(Errc::invalid, "should hold vision_tower: this trainer keeps the tower frozen",
                "spec.freeze");
  const bool tunes_language = !is_frozen(spec, "language_model");
  if (spec.lora && tunes_language)
    attach_lora(model, {spec.lora->rank, spec.lora->alpha, spec.lora->dropout}, spec.seed);
  else if (tunes_language)
    model.set_trainable(Part::language_model, true);
  if (model.has_vision()) model.set_trainable(Part::projector, !is_frozen(spec, "projector"));
  if (model.trainable_parameters().empty())
    return fail(Errc::invalid, "leaves nothing to train", "spec.freeze");
  return {};
}

AdamWSettings optimizer_settings(const TuneSpec& spec) {
  AdamWSettings settings;
  settings.beta1 = spec.beta1;
  settings.beta2 = spec.beta2;
  settings.weight_decay = spec.weight_decay;
  if (spec.projector_lr && spec.lr > 0) settings.projector_scale = *spec.projector_lr / spec.lr;
  return settings;
}

LoopSettings loop_settings(const TuneSpec& spec, std::int64_t batches_per_epoch) {
  LoopSettings settings;
  const double epochs = spec.epochs.value_or(1) * static_cast<double>(batches_per_epoch);
  settings.steps = spec.steps.value_or(std::max<std::int64_t>(1, std::llround(epochs)));
  settings.stage_steps = settings.steps;
  settings.lr = spec.lr;
  settings.clip = spec.clip;
  RateSchedule schedule{.kind = spec.schedule, .steps = settings.steps};
  schedule.warmup_steps = spec.warmup_steps.value_or(warmup_steps_of(spec.warmup, settings.steps));
  if (spec.lr > 0) {
    schedule.min_factor = spec.min_lr / spec.lr;
    schedule.warmup_factor = spec.warmup_lr / spec.lr;
  }
  settings.schedule = [schedule](std::int64_t step) { return schedule_factor(schedule, step); };
  return settings;
}

// How an adapter names its base: relative to where the adapter will lie once its stage is in the
// store (stages/ab/KEY/checkpoint), so that the store can be moved; else by its absolute path.
std::filesystem::path base_reference(const TuneSpec& spec) {
  const std::filesystem::path base = std::filesystem::absolute(spec.base).lexically_normal();
  const std::filesystem::path stage = base.parent_path(), shard = stage.parent_path();
  const bool in_store = spec.base_is_parent && shard.parent_path().filename() == "stages" &&
                        stage.filename().string().starts_with(shard.filename().string());
  if (!in_store) return base;
  return std::filesystem::path("../../..") / shard.filename() / stage.filename() / "checkpoint";
}

Result<> save(const TuneSpec& spec, const StageRequest& request, const VisionLanguageModel& model,
              const Mixture& mixture) {
  const std::filesystem::path folder = request.out / "checkpoint";
  if (model.has_lora())
    VLSWEEP_CHECK_OK(save_adapter(model, folder, base_reference(spec), spec.base));
  else
    VLSWEEP_CHECK_OK(save_checkpoint(model, folder, spec.base));
  return write_file_durably(request.out / "manifest.json", mixture.manifest.dump(1) + "\n");
}

std::string note_of(const Mixture& mixture, const MicroBatches& micro_batches) {
  std::string note = mixture.complaints.note();
  if (micro_batches.times_halved() > 0)
    note += (note.empty() ? "" : "; ") +
            ("memory ran out: micro-batches of " + std::to_string(micro_batches.size()));
  return note;
}

BatchMembers batch_members(ProcessGroup* gang) {
  if (gang == nullptr) return {};
  return {gang->rank(), gang->size(), [gang](bool mine) { return gang->any(mine); }};
}

}  // namespace

Result<StageOutcome> run_tune(const TuneSpec& spec, const StageRequest& request,
                              Workplace& workplace, StageSink& sink, ProcessGroup* gang) {
  VLSWEEP_TRY(LoadedModel loaded, workplace.load(spec.base));
  VisionLanguageModel& model = *loaded.model;
  VLSWEEP_TRY(const ImageMode mode, image_mode(image_mode_for(model.config(), spec.image_mode)));
  FeatureTable* features = model.has_vision() ? &workplace.features(loaded.tower, mode) : nullptr;
  VLSWEEP_TRY(const Mixture mixture, read_mixture(spec, loaded, workplace, features,
                                                  [&sink] { return sink.cancelled(); }));
  VLSWEEP_CHECK_OK(choose_trainable(spec, model));
  model.set_training(true);

  std::vector<std::int64_t> lengths;
  for (const TrainItem& item : mixture.items) lengths.push_back(input_length(item));
  BatchOrder order(std::move(lengths), spec.batch, spec.grouping != Grouping::none, spec.seed);
  LoopSettings settings = loop_settings(spec, order.batches_per_epoch());
  settings.gang = gang;
  FlatAdamW optimizer(model.trainable_parameters(), optimizer_settings(spec), gang);
  LanguageStep step(model, features, mixture.items, std::move(order), spec.micro_batch,
                    batch_members(gang));
  step.seed_dropout(spec.seed);
  VLSWEEP_TRY(const TrainState state, train(settings, optimizer, std::ref(step), sink));

  model.set_training(false);
  if (gang == nullptr || gang->rank() == 0) VLSWEEP_CHECK_OK(save(spec, request, model, mixture));
  StageOutcome outcome;
  outcome.metrics = {{"loss", final_loss(state)},
                     {"steps", static_cast<double>(state.step)},
                     {"tokens", static_cast<double>(state.num_tokens)},
                     {"samples", static_cast<double>(mixture.items.size())}};
  outcome.note = note_of(mixture, step.micro_batches());
  return outcome;
}

}  // namespace vlsweep
