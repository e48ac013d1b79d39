// `evaluate`, `noop`.
#include <algorithm>

#include "sweeps/load.h"
#include "sweeps/suites.h"

namespace vlsweep {
namespace {

void add_suites(const Node& name, const SuiteRequest& options, bool has_suffix,
                LoadContext& context) {
  const std::vector<std::string> names = suites_of(name.text);
  if (names.empty() || !name.is_scalar()) {
    context.complaints.add_unknown(name.at, "unknown suite " + shown(name), name.text,
                                   suite_names());
    return;
  }
  for (const std::string& suite : names) {
    SuiteRequest request = options;
    request.name = suite;
    request.at = name.at;
    auto& suites = context.sweep.suites;
    if (std::any_of(suites.begin(), suites.end(),
                    [&](const SuiteRequest& other) { return other.name == suite; }))
      context.complaints.add(name.at, "suite " + suite + " stands there twice; remove one");
    if (has_suffix && !find_suite(suite)->has_suffix)
      context.complaints.add(name.at, "suite " + suite + " takes no suffix; advbench-suffix does");
    suites.push_back(std::move(request));
  }
}

// {name: advbench-suffix, suffix: "...", limit: 100}
void load_suite(const Node& node, LoadContext& context) {
  if (node.kind != Node::Kind::map) {
    add_suites(node, {}, false, context);
    return;
  }
  MapReader reader(node, "a suite", context.complaints);
  SuiteRequest options;
  const Node::Member* name = reader.require("name", "name: SUITE");
  const Node::Member* suffix = reader.take("suffix");
  if (suffix != nullptr) options.suffix = read_text(suffix->value, "suffix", context.complaints);
  if (const Node::Member* limit = reader.take("limit"))
    options.limit = read_whole(limit->value, "limit", 1, 1'000'000, context.complaints);
  if (name != nullptr) add_suites(name->value, options, suffix != nullptr, context);
  reader.finish();
}

void load_suites(const Node& node, LoadContext& context) {
  if (!check_list(node, "evaluate", "suites, such as [vlguard, advbench]", context.complaints))
    return;
  for (const Node& item : node.items) load_suite(item, context);
}

void load_stop(const Node& node, LoadContext& context) {
  auto& stop = context.sweep.decoding.stop;
  const std::string what = "evaluate.stop";
  if (!check_list(node, what, "texts that end a response", context.complaints)) return;
  for (const Node& item : node.items)
    if (const auto text = read_text(item, what, context.complaints)) stop.push_back(*text);
}

void load_decoding(MapReader& reader, LoadContext& context) {
  Decoding& decoding = context.sweep.decoding;
  const auto whole = [&](const char* key, std::int64_t least, std::int64_t most) {
    const Node::Member* member = reader.take(key);
    return member == nullptr ? std::nullopt
                             : read_whole(member->value, std::string("evaluate.") + key, least,
                                          most, context.complaints);
  };
  const auto number = [&](const char* key, double least, double most) {
    const Node::Member* member = reader.take(key);
    return member == nullptr ? std::nullopt
                             : read_number(member->value, std::string("evaluate.") + key, least,
                                           most, context.complaints);
  };
  decoding.max_new_tokens = whole("max_new_tokens", 1, 65536);
  decoding.min_new_tokens = whole("min_new_tokens", 0, 65536).value_or(0);
  decoding.seed = whole("seed", 0, std::int64_t{1} << 53).value_or(0);
  decoding.temperature = number("temperature", 0, 100).value_or(0);
  decoding.top_p = number("top_p", 1e-6, 1).value_or(1);
  if (const Node::Member* stop = reader.take("stop")) load_stop(stop->value, context);
  if (const Node::Member* dtype = reader.take("dtype"))
    decoding.dtype = read_choice(dtype->value, "evaluate.dtype", {"float32", "bfloat16", "float16"},
                                 context.complaints);
}

}  // namespace

void load_evaluate(const Node& node, LoadContext& context) {
  if (node.kind != Node::Kind::map) {
    load_suites(node, context);
    return;
  }
  MapReader reader(node, "evaluate", context.complaints);
  if (const Node::Member* suites = reader.require("suites", "suites: [SUITE, ...]"))
    load_suites(suites->value, context);
  load_decoding(reader, context);
  if (const Node::Member* judge = reader.take("judge"))
    read_choice(judge->value, "evaluate.judge", {"keywords"}, context.complaints);
  reader.finish();
}

void load_noop(const Node& node, LoadContext& context) {
  MapReader reader(node, "noop", context.complaints);
  NoopRequest noop;
  if (const Node::Member* stages = reader.require("stages", "stages: HOW MANY"))
    noop.stages = static_cast<std::uint64_t>(
        read_whole(stages->value, "noop.stages", 1, 1'000'000, context.complaints).value_or(1));
  if (const Node::Member* sleep = reader.take("sleep_ms"))
    noop.sleep_ms = static_cast<std::uint64_t>(
        read_whole(sleep->value, "noop.sleep_ms", 0, 3'600'000, context.complaints).value_or(0));
  reader.finish();
  context.sweep.noop = noop;
}

}  // namespace vlsweep
