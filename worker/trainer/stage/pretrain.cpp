// A pretrain stage: the micro-world's base model from nothing. Text, alignment, tower, projector.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>
#include <utility>

#include "worker/data/read.h"
#include "worker/trainer/model/checkpoint.h"
#include "worker/trainer/stage/mixture.h"
#include "worker/trainer/stage/pretrain_recipe.h"
#include "worker/trainer/stage/tower_phase.h"
#include "worker/trainer/stage/workplace.h"
#include "worker/trainer/stage/world_text.h"
#include "worker/trainer/train/loop.h"
#include "worker/trainer/train/optimizer.h"
#include "worker/trainer/train/random.h"

namespace vlsweep {
namespace {

// What the phases share.
struct Pretraining {
  const PretrainSpec& spec;
  const PretrainRecipe& recipe;
  StageSink& sink;
  LoadedModel loaded;
  std::int64_t steps_done = 0;
  std::vector<Metric> metrics;

  VisionLanguageModel& model() { return *loaded.model; }
  bool stop() const { return sink.cancelled(); }
  std::uint64_t seed_of(const PretrainPhase& phase) const {
    return SplitMix64(spec.seed, phase.name).next();
  }
};

Result<Pretraining> begin(const PretrainSpec& spec, const PretrainRecipe& recipe,
                          Workplace& workplace, StageSink& sink) {
  VLSWEEP_TRY(Tokenizer tokenizer, Tokenizer::load(spec.world));
  const auto image_token = tokenizer.image();
  if (!image_token)
    return fail(Errc::invalid, "the tokenizer has no <image> token", spec.world.string());
  ModelConfig config = world_model_config(tokenizer.vocab_size(), *image_token);
  config.bos_token = tokenizer.bos();
  config.eos_token = tokenizer.eos();
  config.pad_token = tokenizer.pad();
  auto model = make_random_model(config, spec.seed, recipe.init, workplace.device());
  return Pretraining{spec, recipe, sink, {std::move(model), std::move(tokenizer), {}, {}}, 0, {}};
}

// A word for a thing in a colour ("red-dot") starts as the sum of its parts, scaled to their
// length: without it the projected image tokens, which are close to these words, do not transfer.
void compose_words(Pretraining& run, const std::vector<LabelledImage>& images) {
  const torch::NoGradGuard no_grad;
  std::set<std::string> words;
  for (const LabelledImage& image : images) words.insert(image.words.begin(), image.words.end());
  const auto row = [&](const std::string& word) {
    const auto ids = run.loaded.tokenizer.encode(word);
    return ids && ids->size() == 1 ? run.model().language_model.embed_tokens[ids->front()]
                                   : at::Tensor();
  };
  for (const std::string& word : words) {
    const std::size_t dash = word.find('-');
    if (dash == std::string::npos) continue;
    at::Tensor whole = row(word);
    const at::Tensor colour = row(word.substr(0, dash)), thing = row(word.substr(dash + 1));
    if (whole.defined() && colour.defined() && thing.defined())
      whole.copy_((colour + thing) / std::sqrt(2.0));
  }
}

// A half cosine over all steps times a linear warm-up over the first of them, as the recipe was
// tuned; tune stages have transformers' schedules.
double pretrain_factor(double warmup, std::int64_t step, std::int64_t steps) {
  const double progress = static_cast<double>(step) / static_cast<double>(steps);
  const double warm = std::min(
      1.0, static_cast<double>(step + 1) / std::max(1.0, warmup * static_cast<double>(steps)));
  return warm * (0.5 + 0.5 * std::cos(std::numbers::pi * progress));
}

// Trains what is trainable now by one phase's numbers.
Result<> run_phase(Pretraining& run, const PretrainPhase& phase,
                   std::vector<TrainableParameter> parameters, const StepFunction& step) {
  LoopSettings settings;
  settings.steps = phase.steps;
  settings.lr = phase.lr;
  settings.clip = run.recipe.clip;
  settings.schedule = [&](std::int64_t at) {
    return pretrain_factor(run.recipe.warmup, at, phase.steps);
  };
  settings.first_step = run.steps_done;
  settings.stage_steps = run.recipe.steps();
  FlatAdamW optimizer(parameters, {.beta1 = run.recipe.beta1, .beta2 = run.recipe.beta2});
  auto state = train(settings, optimizer, step, run.sink);
  if (!state) return with_context(state.error(), phase.name);
  run.steps_done += phase.steps;
  run.metrics.push_back({phase.name + std::string("_loss"), final_loss(*state)});
  return {};
}

Result<> run_language_phase(Pretraining& run, const PretrainPhase& phase, const FeatureTable* table,
                            const std::vector<TrainItem>& items) {
  std::vector<std::int64_t> lengths;
  for (const TrainItem& item : items) lengths.push_back(input_length(item));
  LanguageStep step(run.model(), table, items,
                    BatchOrder(std::move(lengths), {.batch = run.recipe.batch,
                                                    .grouping = Grouping::length,
                                                    .seed = run.seed_of(phase)}),
                    {.micro_batch = run.recipe.batch});
  return run_phase(run, phase, run.model().trainable_parameters(), std::ref(step));
}

Result<> train_text(Pretraining& run, const PretrainPhase& phase, const char* file) {
  VLSWEEP_TRY(const auto texts, read_text_items(run.spec.world / file));
  std::vector<TrainItem> items;
  for (const TextItem& text : texts) {
    const DialogueTurn turn{text.prompt, text.answer};
    VLSWEEP_TRY(EncodedSample encoded,
                encode_training(run.loaded.tokenizer, PromptStyle::micro, {&turn, 1}, false,
                                run.model().config().image_token));
    items.push_back({std::move(encoded.ids), std::move(encoded.labels), -1});
  }
  run.model().set_trainable(Part::language_model, true);
  VLSWEEP_CHECK_OK(run_language_phase(run, phase, nullptr, items));
  run.model().set_trainable(Part::language_model, false);
  return {};
}

Result<> train_tower(Pretraining& run, const std::vector<LabelledImage>& images) {
  const PretrainPhase& phase = run.recipe.tower;
  VLSWEEP_TRY(TowerPhase tower,
              TowerPhase::make(run.model(), run.loaded.tokenizer, images,
                               {run.recipe.batch, run.seed_of(phase), run.recipe.word_weight},
                               [&run] { return run.stop(); }));
  run.model().set_trainable(Part::vision_tower, true);
  run.model().set_trainable(Part::projector, true);
  std::vector<TrainableParameter> parameters = run.model().trainable_parameters();
  for (TrainableParameter& head : tower.head_parameters()) parameters.push_back(std::move(head));
  VLSWEEP_CHECK_OK(run_phase(run, phase, std::move(parameters), std::ref(tower)));
  run.model().set_trainable(Part::vision_tower, false);
  return {};
}

// LLaVA's stage 1: captions, everything but the projector frozen. The captions are read as a tune
// stage reads its data.
Result<> train_projector(Pretraining& run, Workplace& workplace) {
  TuneSpec captions;
  captions.prompt = "micro";
  captions.data = {{"captions", "llava", "", run.spec.world / "captions.json", run.spec.world, {}}};
  captions.seed = run.spec.seed;
  captions.strict = true;
  FeatureTable table(ImageMode::plain, UINT64_MAX);
  VLSWEEP_TRY(const Mixture mixture,
              read_mixture(captions, run.loaded, workplace, &table, [&run] { return run.stop(); }));
  run.model().set_trainable(Part::projector, true);
  return run_language_phase(run, run.recipe.projector, &table, mixture.items);
}

}  // namespace

Result<StageOutcome> run_pretrain(const PretrainSpec& spec, const PretrainRecipe& recipe,
                                  const StageRequest& request, Workplace& workplace,
                                  StageSink& sink) {
  VLSWEEP_TRY(const auto images, read_labelled_images(spec.world / "vision.jsonl"));
  VLSWEEP_TRY(Pretraining run, begin(spec, recipe, workplace, sink));
  compose_words(run, images);
  run.model().set_training(true);
  VLSWEEP_CHECK_OK(train_text(run, recipe.language, "pretrain.jsonl"));
  VLSWEEP_CHECK_OK(train_text(run, recipe.align, "align.jsonl"));
  VLSWEEP_CHECK_OK(train_tower(run, images));
  VLSWEEP_CHECK_OK(train_projector(run, workplace));
  VLSWEEP_CHECK_OK(save_checkpoint(run.model(), request.out / "checkpoint", spec.world));
  StageOutcome outcome;
  outcome.metrics = std::move(run.metrics);
  outcome.metrics.push_back({"loss", outcome.metrics.back().value});
  return outcome;
}

}  // namespace vlsweep
