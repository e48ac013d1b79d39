// How the sweep is to be run: `resources`, `retry`, and what is checked and kept for later:
// `early_stop`, `slurm`, `budget`.
#include <charconv>

#include "sweeps/load.h"

namespace vlsweep {
namespace {

// "80G", "24Gi", "500M": bytes. Decimal units, or binary ones with an i.
std::optional<std::uint64_t> read_bytes(const Node& node, const std::string& what,
                                        Complaints& complaints) {
  const std::string& text = node.text;
  double number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const bool is_binary = unit.size() == 2 && unit[1] == 'i';
  if (is_binary) unit.pop_back();
  const std::size_t power = unit.size() == 1 ? std::string("KMGT").find(unit) : std::string::npos;
  if (status == std::errc() && number > 0 && number < 1e6 && power != std::string::npos &&
      node.is_scalar()) {
    for (std::size_t i = 0; i <= power; ++i) number *= is_binary ? 1024 : 1000;
    return static_cast<std::uint64_t>(number);
  }
  complaints.add(node.at, what + " is " + shown(node) + "; expected a size such as 80G or 24Gi");
  return std::nullopt;
}

// A map of which only the shape is checked: each key with what its value must be.
enum class Shape { text, whole, number, boolean, map };
struct ShapedKey {
  const char* key;
  Shape shape;
};

void check_shape(const Node& node, const std::string& what, Shape shape, LoadContext& context) {
  constexpr std::int64_t kMost = 1'000'000'000;
  switch (shape) {
    case Shape::text:
      read_text(node, what, context.complaints);
      break;
    case Shape::whole:
      read_whole(node, what, 0, kMost, context.complaints);
      break;
    case Shape::number:
      read_number(node, what, 0, kMost, context.complaints);
      break;
    case Shape::boolean:
      read_boolean(node, what, context.complaints);
      break;
    case Shape::map: {
      MapReader reader(node, what, context.complaints);
      for (const Node::Member& member : node.members)
        read_text(member.value, what + "." + member.key, context.complaints);
    }
  }
}

void check_map(const Node& node, const std::string& what, const std::vector<ShapedKey>& keys,
               LoadContext& context) {
  MapReader reader(node, what, context.complaints);
  for (const ShapedKey& key : keys)
    if (const Node::Member* member = reader.take(key.key))
      check_shape(member->value, what + "." + key.key, key.shape, context);
  reader.finish();
}

}  // namespace

void load_resources(const Node& node, LoadContext& context) {
  MapReader reader(node, "resources", context.complaints);
  StageResources& resources = context.sweep.resources;
  if (const Node::Member* gpus = reader.take("gpus"))
    resources.gpus = static_cast<std::uint16_t>(
        read_whole(gpus->value, "resources.gpus", 0, 64, context.complaints).value_or(0));
  if (const Node::Member* memory = reader.take("gpu_memory"))
    resources.gpu_memory =
        read_bytes(memory->value, "resources.gpu_memory", context.complaints).value_or(0);
  if (const Node::Member* ranks = reader.take("ranks"))
    resources.ranks = static_cast<std::uint16_t>(
        read_whole(ranks->value, "resources.ranks", 1, 4096, context.complaints).value_or(1));
  if (const Node::Member* gpus = reader.take("gpus_per_trial")) {
    if (resources.gpus > 0 || resources.ranks > 1)
      context.complaints.add(
          gpus->value.at,
          "resources.gpus_per_trial says ranks and gpus at once (so many ranks of "
          "one GPU each); expected it without ranks and gpus");
    resources.gpus = 1;
    resources.ranks = static_cast<std::uint16_t>(
        read_whole(gpus->value, "resources.gpus_per_trial", 1, 4096, context.complaints)
            .value_or(1));
  }
  reader.finish();
}

void load_retry(const Node& node, LoadContext& context) {
  MapReader reader(node, "retry", context.complaints);
  if (const Node::Member* max = reader.require("max", "max: ATTEMPTS of a stage"))
    context.sweep.max_attempts = static_cast<std::uint32_t>(
        read_whole(max->value, "retry.max", 1, 100, context.complaints).value_or(1));
  reader.finish();
}

void load_early_stop(const Node& node, LoadContext& context) {
  check_map(node, "early_stop",
            {{"method", Shape::text},
             {"metric", Shape::text},
             {"eta", Shape::number},
             {"min_steps", Shape::whole}},
            context);
  for (const Node::Member& member : node.members)
    if (member.key == "method")
      read_choice(member.value, "early_stop.method", {"asha", "none"}, context.complaints);
  context.sweep.notes.push_back(
      "early_stop is checked but not acted on yet: every stage runs to its end");
}

void load_slurm(const Node& node, LoadContext& context) {
  check_map(node, "slurm",
            {{"partition", Shape::text},
             {"account", Shape::text},
             {"qos", Shape::text},
             {"nodes", Shape::text},
             {"tasks_per_node", Shape::whole},
             {"cpus_per_task", Shape::whole},
             {"gpus_per_node", Shape::text},
             {"mem", Shape::text},
             {"time", Shape::text},
             {"constraint", Shape::text},
             {"reservation", Shape::text},
             {"requeue", Shape::boolean},
             {"margin", Shape::text},
             {"sbatch_options", Shape::map}},
            context);
  context.sweep.notes.push_back(
      "slurm is checked but not acted on yet: the sweep runs where it is "
      "started");
}

void load_budget(const Node& node, LoadContext& context) {
  check_map(node, "budget", {{"gpu_hours", Shape::number}, {"hours", Shape::number}}, context);
  context.sweep.notes.push_back("budget is checked but not acted on yet: nothing stops at it");
}

}  // namespace vlsweep
