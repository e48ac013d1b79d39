// A respond stage: a checkpoint answers the prompts of a suite.
#include <algorithm>
#include <utility>

#include "worker/trainer/architecture/architecture.h"
#include "worker/trainer/generate/generate.h"
#include "worker/trainer/stage/mixture.h"
#include "worker/trainer/stage/workplace.h"
#include "worker/trainer/train/micro_batches.h"

namespace vlsweep {
namespace {

constexpr std::uint64_t kCacheBytes = 2ULL << 30;

// The prompts of a suite that can be asked, in its order.
struct Questions {
  std::vector<const Sample*> samples;
  std::vector<std::string> texts;  // as asked: with the suffix, without the template
  std::vector<Prompt> prompts;
  Complaints complaints;
};

std::string question_of(const SuiteSpec& suite, const Sample& sample) {
  const std::string& question = sample.turns.front().user;
  return suite.suffix.empty() ? question : question + " " + suite.suffix;
}

Result<Prompt> encode(const RespondSpec& spec, const LoadedModel& loaded, PromptStyle style,
                      const std::string& text, const Result<std::int64_t>& found) {
  VLSWEEP_TRY(const std::int64_t image, found);
  const ModelConfig& config = loaded.model->config();
  const DialogueTurn turn{text, {}};
  VLSWEEP_TRY(auto ids,
              encode_prompt(loaded.tokenizer, style, {&turn, 1}, image >= 0, config.image_token));
  Prompt prompt{std::move(ids), image};
  if (config.vision)
    prompt.ids = expand_image(prompt.ids, config.image_token, config.vision->positions);
  if (!image_positions_fit(prompt.ids, config, image >= 0))
    return fail(Errc::invalid, "its text spells the image token");
  const auto length = static_cast<std::int64_t>(prompt.ids.size()) + spec.max_new_tokens;
  if (length > config.text.max_positions)
    return fail(Errc::invalid, "prompt and answer take " + std::to_string(length) +
                                   " positions, the model has " +
                                   std::to_string(config.text.max_positions));
  return prompt;
}

Result<Questions> read_questions(const RespondSpec& spec, const LoadedModel& loaded,
                                 const Dataset& dataset, FeatureTable* features, StageSink& sink) {
  VLSWEEP_TRY(const PromptStyle style,
              prompt_style(prompt_for(loaded.model->config(),
                                      loaded.tokenizer.chat_template().has_value(), spec.prompt)));
  std::vector<const Sample*> samples;
  for (const Sample& sample : dataset.samples) samples.push_back(&sample);
  if (spec.suite.source.count &&
      static_cast<std::size_t>(*spec.suite.source.count) < samples.size())
    samples.resize(static_cast<std::size_t>(*spec.suite.source.count));
  VLSWEEP_TRY(const auto images,
              find_images(*loaded.model, features, samples, [&sink] { return sink.cancelled(); }));
  Questions questions;
  for (const BadSample& bad : dataset.bad) questions.complaints.add(bad.id_or_place, bad.reason);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    std::string text = question_of(spec.suite, *samples[i]);
    Result<Prompt> prompt = encode(spec, loaded, style, text, images[i]);
    if (!prompt) {
      questions.complaints.add(samples[i]->id, prompt.error().text());
      continue;
    }
    questions.samples.push_back(samples[i]);
    questions.texts.push_back(std::move(text));
    questions.prompts.push_back(std::move(*prompt));
  }
  return questions;
}

// Answers the prompts from `begin` on, as many as memory allows; halves `count` when it ran out.
Result<std::vector<std::vector<TokenId>>> answer(
    const LoadedModel& loaded, const FeatureTable* features, const Questions& questions,
    std::size_t begin, std::size_t& count, const GenerateSettings& settings, StageSink& sink) {
  while (true) {
    try {
      const auto prompts = std::span(questions.prompts)
                               .subspan(begin, std::min(count, questions.prompts.size() - begin));
      return generate(*loaded.model, features, prompts, settings,
                      [&sink] { return sink.cancelled(); });
    } catch (...) {
      if (count <= 1 || !is_out_of_memory()) throw;
      count /= 2;
    }
  }
}

std::vector<ResponseRow> rows_of(const LoadedModel& loaded, const Questions& questions,
                                 std::size_t begin,
                                 const std::vector<std::vector<TokenId>>& answers) {
  std::vector<ResponseRow> rows;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Sample& sample = *questions.samples[begin + i];
    rows.push_back({sample.id, questions.texts[begin + i], loaded.tokenizer.decode(answers[i]),
                    sample.target, sample.image.string(), sample.category, sample.subcategory});
  }
  return rows;
}

std::size_t longest(const Questions& questions) {
  std::size_t length = 1;
  for (const Prompt& prompt : questions.prompts) length = std::max(length, prompt.ids.size());
  return length;
}

}  // namespace

Result<StageOutcome> run_respond(const RespondSpec& spec, Workplace& workplace, StageSink& sink) {
  if (spec.temperature > 0 || !spec.stop.empty() || spec.min_new_tokens > 0 ||
      spec.dtype != NumberType::float32)
    return fail(Errc::invalid,
                "this trainer decodes greedily in float32, to the end of sequence alone", "spec");
  VLSWEEP_TRY(const auto loaded, workplace.warm(spec.model));
  VLSWEEP_TRY(const ImageMode mode,
              image_mode(image_mode_for(loaded->model->config(), spec.image_mode)));
  VLSWEEP_TRY(const auto data, workplace.dataset(spec.suite.source));
  FeatureTable* features =
      loaded->model->has_vision() ? &workplace.features(loaded->tower, mode) : nullptr;
  VLSWEEP_TRY(const Questions questions,
              read_questions(spec, *loaded, data->dataset, features, sink));

  const GenerateSettings settings{spec.max_new_tokens, loaded->tokenizer.eos()};
  auto count = static_cast<std::size_t>(sequences_that_fit(
      *loaded->model, static_cast<std::int64_t>(longest(questions)) + spec.max_new_tokens,
      kCacheBytes));
  const auto total = static_cast<std::int64_t>(questions.prompts.size());
  std::int64_t num_tokens = 0;
  for (std::size_t begin = 0; begin < questions.prompts.size();) {
    VLSWEEP_TRY(const auto answers,
                answer(*loaded, features, questions, begin, count, settings, sink));
    for (const auto& ids : answers) num_tokens += static_cast<std::int64_t>(ids.size());
    sink.samples(rows_of(*loaded, questions, begin, answers));
    begin += answers.size();
    sink.progress(static_cast<std::int64_t>(begin), total, {});
  }
  StageOutcome outcome;
  outcome.metrics = {{"responses", static_cast<double>(total)},
                     {"response_tokens", static_cast<double>(num_tokens)}};
  outcome.note = questions.complaints.note();
  return outcome;
}

}  // namespace vlsweep
