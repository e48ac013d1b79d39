#include "worker/trainer/stage/spec.h"

#include <utility>

#include "worker/trainer/stage/json_fields.h"

namespace vlsweep {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMaxCount = std::int64_t{1} << 40;
constexpr int kMaxThreads = 1024;

int read_threads(JsonFields& fields) {
  return static_cast<int>(fields.integer("threads", 1, kMaxThreads));
}

std::uint64_t read_seed(JsonFields& fields) {
  return static_cast<std::uint64_t>(fields.integer("seed", 0, INT64_MAX));
}

void check_recipe(JsonFields& fields) {
  if (const auto recipe = fields.integer("recipe", 0, kMaxCount); recipe != kRecipeVersion)
    fields.complain("recipe", "is " + std::to_string(recipe) + "; this trainer knows recipe " +
                                  std::to_string(kRecipeVersion) + " only");
}

// {"parent": i} is the checkpoint of a parent stage; {"@path", "digest"} a folder of its own.
Result<std::filesystem::path> read_model(const Json& reference, const std::string& place,
                                         const StageRequest& request) {
  JsonFields fields(reference, place);
  const auto last = static_cast<std::int64_t>(request.parents.size()) - 1;
  const auto parent = fields.optional_integer("parent", 0, last);
  fields.skip("digest");
  std::filesystem::path folder;
  if (parent)
    folder = request.parents[static_cast<std::size_t>(*parent)] / "checkpoint";
  else
    folder = fields.text("@path");
  VLSWEEP_CHECK_OK(fields.finish());
  return folder;
}

Result<SourceSpec> read_source(const Json& json, const std::string& place) {
  JsonFields fields(json, place);
  SourceSpec source;
  source.name = fields.text("name");
  source.format = fields.text("format");
  source.part = fields.optional_text("part").value_or("");
  source.annotations = fields.text("@path");
  source.images = fields.optional_text("@images").value_or("");
  source.count = fields.optional_integer("count", 0, kMaxCount);
  fields.skip("digest");
  VLSWEEP_CHECK_OK(fields.finish());
  return source;
}

Result<std::vector<SourceSpec>> read_sources(const Json& list, const std::string& place) {
  if (list.empty()) return fail(Errc::invalid, "should name at least one data source", place);
  std::vector<SourceSpec> sources;
  for (const Json& item : list) {
    VLSWEEP_TRY(SourceSpec source,
                read_source(item, place + "[" + std::to_string(sources.size()) + "]"));
    sources.push_back(std::move(source));
  }
  return sources;
}

Result<SuiteSpec> read_suite(const Json& json, const std::string& place) {
  JsonFields fields(json, place);
  SuiteSpec suite;
  suite.name = suite.source.name = fields.text("name");
  suite.source.format = fields.text("format");
  suite.source.part = fields.optional_text("part").value_or("");
  suite.source.annotations = fields.text("@path");
  suite.source.images = fields.optional_text("@images").value_or("");
  suite.source.count = fields.optional_integer("limit", 0, kMaxCount);
  suite.suffix = fields.optional_text("suffix").value_or("");
  fields.skip("digest");
  VLSWEEP_CHECK_OK(fields.finish());
  return suite;
}

Result<LoraSpec> read_lora(const Json& json, const std::string& place) {
  JsonFields fields(json, place);
  LoraSpec lora;
  lora.rank = fields.integer("rank", 1, 65536);
  lora.alpha = fields.number("alpha", 1e-6, 1e6);
  lora.dropout = fields.optional_number("dropout", 0, 0.999).value_or(0);
  VLSWEEP_CHECK_OK(fields.finish());
  return lora;
}

Schedule schedule_from_name(const std::string& name) {
  if (name == "linear") return Schedule::linear;
  return name == "constant" ? Schedule::constant : Schedule::cosine;
}

void read_optimizer(JsonFields& fields, TuneSpec& spec) {
  spec.lr = fields.number("lr", 0, 1e3);
  spec.projector_lr = fields.optional_number("projector_lr", 0, 1e3);
  const Json& betas = fields.list("betas");
  const auto is_beta = [](const Json& beta) {
    return beta.is_number() && beta.get<double>() >= 0 && beta.get<double>() < 1;
  };
  if (betas.size() == 2 && is_beta(betas[0]) && is_beta(betas[1])) {
    spec.beta1 = betas[0].get<double>();
    spec.beta2 = betas[1].get<double>();
  } else {
    fields.complain("betas", "should be two numbers from 0 to below 1");
  }
  spec.weight_decay = fields.number("weight_decay", 0, 1e3);
  spec.clip = fields.optional_number("clip", 0, 1e6).value_or(0);
  spec.schedule = schedule_from_name(fields.choice("schedule", {"cosine", "linear", "constant"}));
  spec.warmup = fields.number("warmup", 0, 1);
}

void read_loop(JsonFields& fields, TuneSpec& spec) {
  spec.steps = fields.optional_integer("steps", 1, kMaxCount);
  spec.epochs = fields.optional_number("epochs", 1e-6, 1e6);
  if (spec.steps.has_value() == spec.epochs.has_value())
    fields.complain("steps", "should be given, or epochs should, and the other be null");
  spec.batch = fields.integer("batch", 1, 1 << 20);
  spec.micro_batch = fields.optional_integer("micro_batch", 1, 1 << 20).value_or(spec.batch);
  spec.bucket_by_length = fields.optional_boolean("bucket_by_length").value_or(true);
  spec.seed = read_seed(fields);
  spec.threads = read_threads(fields);
  spec.strict = fields.optional_boolean("strict").value_or(false);
}

}  // namespace

Result<StageRequest> read_request(const Json& message) {
  JsonFields fields(message, "");
  StageRequest request;
  fields.skip("type");
  fields.skip("resume");  // a stage always begins at its beginning: it is short
  request.stage = static_cast<std::uint32_t>(fields.integer("stage", 0, UINT32_MAX));
  request.attempt = static_cast<std::uint32_t>(fields.integer("attempt", 0, UINT32_MAX));
  const std::string kind = fields.text("kind");
  for (const std::string& parent : fields.texts("parents")) request.parents.emplace_back(parent);
  request.out = fields.text("out");
  request.spec = fields.object("spec");
  if (const auto known = stage_kind_from_name(kind))
    request.kind = *known;
  else
    fields.complain("kind", "is \"" + kind + "\", which is no kind of stage");
  VLSWEEP_CHECK_OK(fields.finish());
  return request;
}

Result<PretrainSpec> read_pretrain_spec(const StageRequest& request) {
  JsonFields fields(request.spec, "spec");
  check_recipe(fields);
  JsonFields world(fields.object("world"), "spec.world");
  PretrainSpec spec;
  spec.world = world.text("@path");
  world.skip("digest");
  spec.seed = read_seed(fields);
  spec.threads = read_threads(fields);
  VLSWEEP_CHECK_OK(fields.finish());
  VLSWEEP_CHECK_OK(world.finish());
  return spec;
}

Result<TuneSpec> read_tune_spec(const StageRequest& request) {
  JsonFields fields(request.spec, "spec");
  check_recipe(fields);
  TuneSpec spec;
  spec.role = fields.text("role");
  spec.prompt = fields.text("prompt");
  spec.image_mode = fields.text("image_mode");
  read_optimizer(fields, spec);
  read_loop(fields, spec);
  const bool has_lora = fields.choice("tuning", {"full", "lora"}) == "lora";
  if (has_lora != fields.has("lora"))
    fields.complain("lora", "should be there exactly if tuning is lora");
  fields.skip("lora");
  if (fields.has("freeze")) spec.freeze = fields.texts("freeze");
  for (const std::string& part : spec.freeze)
    if (part != "vision_tower" && part != "projector" && part != "language_model")
      fields.complain("freeze", "knows vision_tower, projector, language_model, not " + part);
  const Json& base = fields.object("base");
  const Json& data = fields.list("data");
  VLSWEEP_CHECK_OK(fields.finish());
  VLSWEEP_TRY(spec.base, read_model(base, "spec.base", request));
  spec.base_is_parent = base.contains("parent");
  VLSWEEP_TRY(spec.data, read_sources(data, "spec.data"));
  if (has_lora) {
    VLSWEEP_TRY(spec.lora, read_lora(request.spec["lora"], "spec.lora"));
  }
  return spec;
}

Result<RespondSpec> read_respond_spec(const StageRequest& request) {
  JsonFields fields(request.spec, "spec");
  check_recipe(fields);
  RespondSpec spec;
  spec.prompt = fields.text("prompt");
  spec.image_mode = fields.text("image_mode");
  spec.max_new_tokens = fields.integer("max_new_tokens", 1, 65536);
  if (fields.optional_number("temperature", 0, 100).value_or(0) != 0)
    fields.complain("temperature", "should be 0: this trainer decodes greedily");
  spec.threads = read_threads(fields);
  const Json& model = fields.object("model");
  const Json& suite = fields.object("suite");
  VLSWEEP_CHECK_OK(fields.finish());
  VLSWEEP_TRY(spec.model, read_model(model, "spec.model", request));
  VLSWEEP_TRY(spec.suite, read_suite(suite, "spec.suite"));
  return spec;
}

}  // namespace vlsweep
