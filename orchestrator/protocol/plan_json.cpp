// plan.json: written by appending (a stage's spec and a parameter's value already are JSON text),
// read with every member, index and key checked.
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "orchestrator/protocol/plan.h"

namespace vlsweep {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;

std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

void append_stage(std::string& out, const Stage& stage) {
  out += "{\"key\":\"" + stage.key.hex() + "\",\"kind\":\"";
  out += stage_kind_name(stage.kind);
  out += "\",\"name\":" + quoted(stage.name) + ",\"parents\":" + Json(stage.parents).dump();
  out += ",\"resources\":[" + std::to_string(stage.resources.cores) + "," +
         std::to_string(stage.resources.gpus) + "," + std::to_string(stage.resources.gpu_memory) +
         "," + std::to_string(stage.resources.ranks) + "]";
  out += ",\"cost_s\":" + Json(stage.cost_s).dump() + ",\"spec\":" + stage.spec + "}";
}

void append_trial(std::string& out, const Trial& trial) {
  out += "{\"id\":" + quoted(trial.id) + ",\"cell\":" + std::to_string(trial.cell) +
         ",\"seed\":" + std::to_string(trial.seed) + ",\"parameters\":[";
  const char* separator = "";
  for (const auto& [name, value] : trial.parameters) {
    out += separator + ("[" + quoted(name) + ",") + value + "]";
    separator = ",";
  }
  out += "],\"stages\":[";
  separator = "";
  for (const TrialStage& stage : trial.stages) {
    out += separator + ("[" + std::to_string(stage.stage)) + "," + quoted(stage.role) + "," +
           quoted(stage.suite) + "]";
    separator = ",";
  }
  out += "]}";
}

// A plan's own nesting is 6; deeper text could exhaust the stack of whoever walks it.
bool is_shallow(std::string_view text) {
  constexpr int kMaxDepth = 64;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return false;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return true;
}

// Reads one plan; the first thing that is not as the writer writes it makes ok_ false and stays in
// what_.
class PlanReader {
 public:
  Result<Plan> read(std::string_view text) {
    if (!is_shallow(text)) return fail(Errc::corrupt, "the plan is nested too deeply");
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) return fail(Errc::corrupt, "the plan is not JSON");
    Plan plan;
    if (integer(json, "format", 0, 1 << 20) != kFormat) complain("its format is unknown");
    plan.name = string(json, "name");
    plan.max_attempts = static_cast<std::uint32_t>(integer(json, "max_attempts", 1, UINT32_MAX));
    plan.stages_without_sharing =
        static_cast<std::uint64_t>(integer(json, "stages_without_sharing", 0, INT64_MAX));
    for (const Json& count : list(json, "counts")) plan.counts.push_back(read_count(count));
    for (const Json& stage : list(json, "stages")) plan.stages.push_back(read_stage(stage));
    for (const Json& trial : list(json, "trials")) plan.trials.push_back(read_trial(trial));
    if (!what_.empty()) return fail(Errc::corrupt, "the plan does not read back: " + what_);
    return plan;
  }

 private:
  void complain(const std::string& what) {
    if (what_.empty()) what_ = what;
  }
  const Json& member(const Json& object, const char* name) {
    static const Json kNone;
    if (object.is_object())
      if (const auto found = object.find(name); found != object.end()) return *found;
    complain(std::string("a member \"") + name + "\" is missing");
    return kNone;
  }
  const Json& at(const Json& array, std::size_t index) {
    static const Json kNone;
    if (array.is_array() && index < array.size()) return array[index];
    complain("a list is too short");
    return kNone;
  }
  const Json& list(const Json& object, const char* name) {
    static const Json kEmpty = Json::array();
    const Json& value = member(object, name);
    if (value.is_array()) return value;
    complain(std::string("\"") + name + "\" is no list");
    return kEmpty;
  }
  std::string as_string(const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    complain("a text was expected");
    return "";
  }
  std::string string(const Json& object, const char* name) {
    return as_string(member(object, name));
  }
  std::int64_t as_integer(const Json& value, std::int64_t least, std::int64_t most) {
    const bool fits = value.is_number_integer() &&
                      !(value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX);
    const std::int64_t number = fits ? value.get<std::int64_t>() : least;
    if (!fits || number < least || number > most) complain("a number is missing or out of range");
    return number;
  }
  std::int64_t integer(const Json& object, const char* name, std::int64_t least,
                       std::int64_t most) {
    return as_integer(member(object, name), least, most);
  }

  ExpansionCount read_count(const Json& json) {
    return {as_string(at(json, 0)),
            static_cast<std::uint64_t>(as_integer(at(json, 1), 0, INT64_MAX))};
  }

  Stage read_stage(const Json& json) {
    Stage stage;
    const std::string hex = string(json, "key");
    if (const auto key = key_from_hex(hex))
      stage.key = *key;
    else
      complain("\"" + hex + "\" is no key");
    if (!keys_.insert(stage.key).second) complain("key " + hex + " stands there twice");
    if (const auto kind = stage_kind_from_name(string(json, "kind")))
      stage.kind = *kind;
    else
      complain("stage " + hex + " has an unknown kind");
    stage.name = string(json, "name");
    for (const Json& parent : list(json, "parents"))
      stage.parents.push_back(index(parent, num_stages_, "a parent comes after its child"));
    read_resources(member(json, "resources"), stage.resources);
    const Json& cost = member(json, "cost_s");
    if (cost.is_number() && cost.get<double>() >= 0)
      stage.cost_s = cost.get<double>();
    else
      complain("stage " + hex + " has no cost");
    stage.spec = member(json, "spec").dump(-1, ' ', false, Json::error_handler_t::replace);
    ++num_stages_;
    return stage;
  }
  void read_resources(const Json& json, Resources& resources) {
    resources.cores = static_cast<std::uint16_t>(as_integer(at(json, 0), 0, UINT16_MAX));
    resources.gpus = static_cast<std::uint16_t>(as_integer(at(json, 1), 0, UINT16_MAX));
    resources.gpu_memory = static_cast<std::uint64_t>(as_integer(at(json, 2), 0, INT64_MAX));
    resources.ranks = static_cast<std::uint16_t>(as_integer(at(json, 3), 1, UINT16_MAX));
  }
  // Below `end`, or a complaint.
  std::uint32_t index(const Json& json, std::uint32_t end, const char* otherwise) {
    const std::int64_t value = as_integer(json, 0, UINT32_MAX);
    if (value >= end) complain(otherwise);
    return static_cast<std::uint32_t>(value);
  }

  Trial read_trial(const Json& json) {
    Trial trial;
    trial.id = string(json, "id");
    if (!trial_ids_.insert(trial.id).second) complain("trial " + trial.id + " stands there twice");
    trial.cell = static_cast<std::uint32_t>(integer(json, "cell", 0, UINT32_MAX));
    trial.seed = integer(json, "seed", INT64_MIN, INT64_MAX);
    for (const Json& pair : list(json, "parameters"))
      trial.parameters.emplace_back(
          as_string(at(pair, 0)), at(pair, 1).dump(-1, ' ', false, Json::error_handler_t::replace));
    for (const Json& stage : list(json, "stages"))
      trial.stages.push_back(
          {index(at(stage, 0), num_stages_, "a trial names a stage that is not there"),
           as_string(at(stage, 1)), as_string(at(stage, 2))});
    return trial;
  }

  std::string what_;
  std::uint32_t num_stages_ = 0;
  std::unordered_set<Key, KeyHash> keys_;
  std::unordered_set<std::string> trial_ids_;
};

}  // namespace

std::string plan_to_json(const Plan& plan) {
  std::string out = "{\"format\":" + std::to_string(kFormat) + ",\"name\":" + quoted(plan.name) +
                    ",\"max_attempts\":" + std::to_string(plan.max_attempts) +
                    ",\"stages_without_sharing\":" + std::to_string(plan.stages_without_sharing) +
                    ",\"counts\":[";
  const char* separator = "";
  for (const ExpansionCount& count : plan.counts) {
    out += separator + ("[" + quoted(count.step)) + "," + std::to_string(count.count) + "]";
    separator = ",";
  }
  out += "],\n\"stages\":[";
  separator = "\n";
  for (const Stage& stage : plan.stages) {
    out += separator;
    append_stage(out, stage);
    separator = ",\n";
  }
  out += "],\n\"trials\":[";
  separator = "\n";
  for (const Trial& trial : plan.trials) {
    out += separator;
    append_trial(out, trial);
    separator = ",\n";
  }
  out += "]}\n";
  return out;
}

Result<Plan> plan_from_json(std::string_view text) { return PlanReader().read(text); }

}  // namespace vlsweep
