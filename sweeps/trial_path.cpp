#include "sweeps/trial_path.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "sweeps/cost.h"

namespace vlsweep {

struct PathMaker::Trial {
  Trial(const SettingLookup& lookup_of_it, const ModelSource& model_of_it, std::int64_t seed_of_it)
      : lookup(lookup_of_it),
        model(model_of_it),
        seed(seed_of_it),
        mode(lookup.text("mode")),
        is_lora(lookup.text("tuning") == "lora"),
        title(model.name + " untuned") {}

  const SettingLookup& lookup;
  const ModelSource& model;
  std::int64_t seed = 0;
  std::string mode;
  bool is_lora = false;
  std::uint64_t model_bytes = 0;
  Checkpoint checkpoint;  // what was reached so far
  std::string identity;   // key or digest of it
  std::string title;      // of it, for people: "micro full contaminated 0.5%"
  Path path;
};

namespace {

std::string percent(double share) {
  return value_to_text(Value(std::round(share * 1e6) / 1e4)) + "%";
}

std::string samples_text(double samples) { return value_to_text(Value(samples)) + " samples"; }

// Samples that the stage goes through in all.
double samples_trained(const Recipe& recipe, const std::vector<MixturePart>& mixture) {
  if (recipe.length.steps) return *recipe.length.steps * recipe.batch;
  constexpr double kUnknown = 10'000;
  double samples = 0;
  for (const MixturePart& part : mixture)
    samples += static_cast<double>(
        part.count.value_or(part.data->samples.value_or(static_cast<std::uint64_t>(kUnknown))));
  return samples * recipe.length.epochs.value_or(1);
}

}  // namespace

PathMaker::PathMaker(const Sweep& sweep, const Columns& columns, PlanInputs& inputs,
                     StagePool& pool, Complaints& complaints)
    : sweep_(sweep), columns_(columns), inputs_(inputs), pool_(pool), complaints_(complaints) {}

bool PathMaker::complain(std::string_view parameter, const std::string& message) {
  Position at = sweep_.at;
  for (const Parameter& candidate : sweep_.parameters)
    if (candidate.setting == parameter) at = candidate.at;
  if (const auto constant = sweep_.tune.find(std::string(parameter)); constant != sweep_.tune.end())
    at = constant->second.second;
  complaints_.add(at, message);
  return false;
}

const ModelSource* PathMaker::find_model(const SettingLookup& lookup) {
  const std::string name = lookup.text("model");
  if (name.empty() && sweep_.models.size() == 1) return &sweep_.models.front();
  for (const ModelSource& model : sweep_.models)
    if (model.name == name) return &model;
  complain("model",
           "a configuration names no model; with several models, expected model: [..] under "
           "parameters and in every include");
  return nullptr;
}

CostModel PathMaker::cost_model(const Trial& trial, double threads) const {
  return {trial.model.world_seed.has_value(), trial.model_bytes, sweep_.resources.gpus, threads};
}

Resources PathMaker::resources(double threads) const {
  Resources resources;
  resources.cores = static_cast<std::uint16_t>(threads);
  resources.gpus = sweep_.resources.gpus;
  resources.gpu_memory = sweep_.resources.gpu_memory;
  return resources;
}

Resources PathMaker::tune_resources(double threads) const {
  Resources of_each = resources(threads);
  of_each.ranks = sweep_.resources.ranks;
  return of_each;
}

std::optional<PathMaker::Path> PathMaker::make(const Configuration& configuration,
                                               std::int64_t seed) {
  const SettingLookup model_lookup(sweep_, columns_, configuration, false);
  const ModelSource* model = find_model(model_lookup);
  if (model == nullptr) return std::nullopt;
  const SettingLookup lookup(sweep_, columns_, configuration, model->world_seed.has_value());
  Trial trial(lookup, *model, seed);
  if (trial.mode.empty()) {
    complain("mode",
             "a configuration has no mode; expected one of untuned, none, clean, mixed, "
             "posthoc in every configuration");
    return std::nullopt;
  }
  bool made = start(trial);
  if (made && trial.mode != "untuned") made = vision_language(trial);
  if (made && trial.mode == "posthoc") made = safety(trial);
  if (!made || !evaluate(trial)) return std::nullopt;
  trial.path.model_identity = trial.identity;
  return std::move(trial.path);
}

// The base: pretrained here, or a folder.
bool PathMaker::start(Trial& trial) {
  if (!trial.model.world_seed) return start_in_folder(trial);
  const WorldInfo* world = inputs_.world(*trial.model.world_seed, trial.model.at);
  if (world == nullptr) return false;
  const double threads = trial.lookup.number("pretrain.threads", 1);
  const std::uint32_t stage =
      pool_.add(StageKind::pretrain, pretrain_spec(*world, *trial.model.world_seed, threads), {},
                "pretrain " + trial.model.name, resources(threads),
                pretrain_cost_s(cost_model(trial, threads)));
  trial.path.stages.push_back({stage, "pretrain", ""});
  trial.checkpoint.stage = stage;
  trial.identity = pool_[stage].key.hex();
  return true;
}

bool PathMaker::start_in_folder(Trial& trial) {
  const bool from_aligned =
      trial.model.is_tuned && (trial.mode == "mixed" || trial.mode == "clean");
  if (from_aligned && trial.model.aligned.empty())
    return complain("mode", "mode " + trial.mode +
                                " tunes from before vision-language tuning, and "
                                "model " +
                                trial.model.name +
                                " is tuned already; add aligned: "
                                "FOLDER to it, state: aligned, or exclude the two together");
  const std::filesystem::path& folder = from_aligned ? trial.model.aligned : trial.model.path;
  const ModelInfo* info = inputs_.model(trial.model, folder);
  if (info == nullptr) return false;
  trial.checkpoint.path = folder.string();
  trial.checkpoint.digest = info->digest;
  trial.model_bytes = info->bytes;
  trial.identity = info->digest;
  return true;
}

std::optional<double> PathMaker::ratio(Trial& trial) {
  const Value value = trial.lookup.at("safety_ratio");
  if (const double* number = std::get_if<double>(&value)) return *number;
  complain("safety_ratio", "mode " + trial.mode +
                               " needs a safety_ratio; a configuration with it "
                               "has none");
  return std::nullopt;
}

// The number of helpful samples of vision-language tuning: as asked for, or all.
std::optional<double> PathMaker::helpful_count(Trial& trial) {
  const double asked = trial.lookup.number("vision_language.samples", 0);
  if (asked > 0) return asked;
  const ResolvedData* helpful = inputs_.data("helpful", trial.model);
  if (helpful == nullptr) return std::nullopt;
  if (helpful->samples) return static_cast<double>(*helpful->samples);
  complain("vision_language.samples",
           "the number of helpful samples is unknown; expected "
           "helpful_samples under tune");
  return std::nullopt;
}

// A source of the mixture; without a sample it is left out, so that equal mixtures have equal keys.
bool PathMaker::add_part(Trial& trial, const std::string& key, std::optional<std::uint64_t> count,
                         std::vector<MixturePart>& mixture) {
  if (count && *count == 0) return true;
  const ResolvedData* data = inputs_.data(key, trial.model);
  if (data == nullptr) return false;
  if (count && data->samples && *count > *data->samples) {
    const std::string cause = key == "safety"          ? "safety_ratio"
                              : key == "contamination" ? "contamination"
                                                       : "vision_language.samples";
    return complain(cause, "mode " + trial.mode + " takes " + samples_text(double(*count)) +
                               " of data." + key + ", which has " + std::to_string(*data->samples) +
                               "; expected a smaller pool or ratio");
  }
  mixture.push_back({key, data, count});
  return true;
}

// Settings that are each possible, but not together: which one to complain of, and why.
std::pair<std::string, std::string> PathMaker::misfit(const Recipe& recipe) {
  const auto text = [](double number) { return value_to_text(Value(number)); };
  if (recipe.grouping == "modality_length" && std::fmod(recipe.batch, recipe.micro_batch) != 0)
    return {"batch", "batch " + text(recipe.batch) + " is no multiple of micro_batch " +
                         text(recipe.micro_batch) +
                         ", which grouping modality_length needs; expected another batch or "
                         "micro_batch, or grouping: length"};
  const double floor = std::max(recipe.min_lr, recipe.warmup_lr);
  const std::string name = recipe.min_lr > 0 ? "min_lr" : "warmup_lr";
  if (floor > 0 && recipe.schedule != "linear_warmup_cosine")
    return {name, name + " is of schedule linear_warmup_cosine alone, not of " + recipe.schedule};
  if (floor > recipe.lr) return {name, name + " is above lr " + text(recipe.lr)};
  return {};
}

bool PathMaker::add_tune(Trial& trial, const Recipe& recipe,
                         const std::vector<MixturePart>& mixture, const std::string& what) {
  if (mixture.empty())
    return complain("mode", "mode " + trial.mode + " has not one sample to tune on");
  if (recipe.lr <= 0) return complain("lr", "mode " + trial.mode + " has no learning rate");
  if (const auto [setting, reason] = misfit(recipe); !reason.empty())
    return complain(setting, reason);
  trial.title = trial.model.name + (recipe.is_lora ? " lora " : " full ") + what + " seed " +
                std::to_string(trial.seed);
  std::vector<std::uint32_t> parents;
  if (trial.checkpoint.stage) parents.push_back(*trial.checkpoint.stage);
  const std::uint32_t stage = pool_.add(
      StageKind::tune, tune_spec(recipe, trial.checkpoint, trial.model, mixture, trial.seed),
      std::move(parents), "tune " + trial.title, tune_resources(recipe.threads),
      tune_cost_s(cost_model(trial, recipe.threads), samples_trained(recipe, mixture),
                  recipe.is_lora) /
          sweep_.resources.ranks);
  trial.path.stages.push_back({stage, std::string(role_name(recipe.role)), ""});
  trial.checkpoint.stage = stage;
  trial.identity = pool_[stage].key.hex();
  return true;
}

bool PathMaker::vision_language(Trial& trial) {
  const bool is_done = trial.model.is_tuned && (trial.mode == "none" || trial.mode == "posthoc");
  if (is_done) return true;
  std::vector<MixturePart> mixture;
  const double asked = trial.lookup.number("vision_language.samples", 0);
  std::optional<std::uint64_t> helpful;
  if (asked > 0) helpful = static_cast<std::uint64_t>(asked);
  bool filled = add_part(trial, "helpful", helpful, mixture);
  const double share = trial.mode == "clean" ? 0 : trial.lookup.number("contamination", 0);
  double pool = 0, contamination = 0;
  std::string what = "clean";
  if (share > 0 || trial.mode == "mixed") {
    const auto count = helpful_count(trial);
    if (!count) return false;
    contamination = std::round(*count * share);
    pool = *count + contamination;
    if (contamination > 0) what = "contaminated " + percent(share);
    filled &= add_part(trial, "contamination", static_cast<std::uint64_t>(contamination), mixture);
  }
  if (trial.mode == "mixed") {
    const auto q = ratio(trial);
    if (!q) return false;
    if (*q >= 1)
      return complain("safety_ratio",
                      "safety_ratio 1 leaves mode mixed no helpful data; expected "
                      "less than 1");
    const double safety = std::round(pool * *q / (1 - *q));
    if (safety > 1e9)
      return complain("safety_ratio", "a pool of " + samples_text(pool + safety) + " is too large");
    filled &= add_part(trial, "safety", static_cast<std::uint64_t>(safety), mixture);
    if (safety > 0) what = "mixed " + percent(*q);
  }
  return filled && add_tune(trial, make_recipe(trial.lookup, Role::vision_language, trial.is_lora),
                            mixture, what);
}

bool PathMaker::safety(Trial& trial) {
  const auto q = ratio(trial);
  if (!q) return false;
  const double pool =
      trial.lookup.number("safety.samples", trial.lookup.number("vision_language.samples", 0));
  if (pool <= 0)
    return complain("safety.samples",
                    "mode posthoc needs the size of its pool; expected "
                    "posthoc_samples under tune");
  const double safety = std::round(pool * *q);
  std::vector<MixturePart> mixture;
  bool filled = add_part(trial, "helpful", static_cast<std::uint64_t>(pool - safety), mixture);
  filled &= add_part(trial, "safety", static_cast<std::uint64_t>(safety), mixture);
  return filled && add_tune(trial, make_recipe(trial.lookup, Role::safety, trial.is_lora), mixture,
                            "posthoc " + percent(*q));
}

bool PathMaker::evaluate(Trial& trial) {
  const double threads = trial.lookup.number("threads", 1);
  const std::string identity =
      trial.identity + " " + trial.model.name + " " + value_to_text(Value(threads));
  const auto known = evaluations_.find(identity);
  auto& path = trial.path.stages;
  if (known != evaluations_.end()) {
    path.insert(path.end(), known->second.begin(), known->second.end());
    return true;
  }
  std::vector<TrialStage> stages;
  for (const SuiteRequest& suite : sweep_.suites) {
    const Suite& known_suite = *find_suite(suite.name);
    const ResolvedData* data = inputs_.data(known_suite.data, trial.model);
    if (data == nullptr) return false;
    std::vector<std::uint32_t> parents;
    if (trial.checkpoint.stage) parents.push_back(*trial.checkpoint.stage);
    const double samples = static_cast<double>(suite.limit.value_or(static_cast<std::int64_t>(
        data->samples.value_or(static_cast<std::uint64_t>(known_suite.micro_samples)))));
    const std::uint32_t respond = pool_.add(
        StageKind::respond,
        respond_spec(trial.checkpoint, trial.model, suite, *data, sweep_.decoding, threads),
        std::move(parents), "respond " + suite.name + ": " + trial.title, resources(threads),
        respond_cost_s(cost_model(trial, threads), samples));
    const std::uint32_t judge =
        pool_.add(StageKind::judge, judge_spec(sweep_.judge), {respond},
                  "judge " + suite.name + ": " + trial.title, Resources{}, kJudgeCostS);
    stages.push_back({respond, "respond", suite.name});
    stages.push_back({judge, "judge", suite.name});
  }
  path.insert(path.end(), stages.begin(), stages.end());
  evaluations_.emplace(identity, std::move(stages));
  return true;
}

}  // namespace vlsweep
