#include "worker/agent/trainer_message.h"

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

namespace vlsweep {
namespace {

using Json = nlohmann::json;

// Reads members of one object; what is missing or of the wrong type is remembered, once.
class Members {
 public:
  explicit Members(const Json& object) : object_(object) {
    if (!object.is_object()) refuse("is not an object");
  }

  std::string text(const char* name, bool required = true) {
    const Json* member = find(name, required);
    if (member == nullptr) return {};
    if (!member->is_string()) return refuse_member(name), std::string();
    return member->get<std::string>();
  }
  // JSON has no NaN: null stands for it.
  double number(const char* name) {
    const Json* member = find(name, true);
    return member == nullptr ? 0 : number_of(*member, name);
  }
  template <class T>
  T integer(const char* name, bool required = true) {
    const Json* member = find(name, required);
    return member == nullptr ? T{} : integer_of<T>(*member, name);
  }
  AttemptId id() { return {integer<std::uint32_t>("stage"), integer<std::uint32_t>("attempt")}; }
  // An array whose items `read` turns into T.
  template <class T, class Read>
  std::vector<T> list(const char* name, Read read) {
    std::vector<T> items;
    const Json* member = find(name, true);
    if (member == nullptr) return items;
    if (!member->is_array()) return refuse_member(name), items;
    items.reserve(member->size());
    for (const Json& item : *member) items.push_back(read(item));
    return items;
  }

  double number_of(const Json& value, const char* name) {
    if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!value.is_number()) return refuse_member(name), 0;
    return value.get<double>();
  }
  template <class T>
  T integer_of(const Json& value, const char* name) {
    if (value.is_number_unsigned() && std::in_range<T>(value.get<std::uint64_t>()))
      return static_cast<T>(value.get<std::uint64_t>());
    if (value.is_number_integer() && !value.is_number_unsigned() &&
        std::in_range<T>(value.get<std::int64_t>()))
      return static_cast<T>(value.get<std::int64_t>());
    return refuse_member(name), T{};
  }
  void refuse_member(const char* name) { refuse("has no good '" + std::string(name) + "'"); }
  void refuse(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
  }
  const std::string& problem() const { return problem_; }

 private:
  const Json* find(const char* name, bool required) {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(name);
    if (found != object_.end()) return &*found;
    if (required) refuse_member(name);
    return nullptr;
  }
  const Json& object_;
  std::string problem_;
};

TrainerReady read_ready(Members& m) {
  return {m.text("device"), m.text("versions", false), m.integer<std::uint32_t>("gpus", false),
          m.integer<std::uint64_t>("gpu_memory", false)};
}

// ["loss", step, value]
SeriesPoint read_point(Members& m, const Json& item) {
  if (!item.is_array() || item.size() != 3 || !item[0].is_string())
    return m.refuse_member("points"), SeriesPoint{};
  return {item[0].get<std::string>(), m.integer_of<std::int64_t>(item[1], "points"),
          m.number_of(item[2], "points")};
}

// ["loss", value, k, n]; k and n may be left out.
Metric read_metric(Members& m, const Json& item) {
  const bool shaped = item.is_array() && (item.size() == 2 || item.size() == 4);
  if (!shaped || !item[0].is_string()) return m.refuse_member("metrics"), Metric{};
  Metric metric{item[0].get<std::string>(), m.number_of(item[1], "metrics"), 0, 0};
  if (item.size() == 4) {
    metric.k = m.integer_of<std::int64_t>(item[2], "metrics");
    metric.n = m.integer_of<std::int64_t>(item[3], "metrics");
  }
  return metric;
}

SampleRow read_row(Members& m, const Json& item) {
  Members row(item);
  SampleRow sample{row.text("id"),
                   row.text("prompt"),
                   row.text("response"),
                   row.text("target", false),
                   row.text("image", false),
                   row.text("category", false),
                   row.text("subcategory", false)};
  if (!row.problem().empty()) m.refuse("has a row that " + row.problem());
  return sample;
}

TrainerProgress read_progress(Members& m) {
  return {m.id(), m.integer<std::int64_t>("step", false), m.integer<std::int64_t>("steps", false),
          m.list<SeriesPoint>("points", [&](const Json& item) { return read_point(m, item); })};
}

TrainerDone read_done(Members& m) {
  return {m.id(), m.number("seconds"),
          m.list<Metric>("metrics", [&](const Json& item) { return read_metric(m, item); }),
          m.integer<std::uint64_t>("peak_memory", false), m.text("note", false)};
}

TrainerMessage read_message(Members& m, const std::string& type) {
  if (type == "ready") return read_ready(m);
  if (type == "started") return TrainerStarted{m.id()};
  if (type == "progress") return read_progress(m);
  if (type == "samples")
    return TrainerSamples{
        m.id(), m.list<SampleRow>("rows", [&](const Json& item) { return read_row(m, item); })};
  if (type == "done") return read_done(m);
  if (type == "failed")
    return TrainerFailed{m.id(), errc_from_name(m.text("code")), m.text("message")};
  m.refuse("is of no known type");
  return TrainerReady{};
}

}  // namespace

Result<TrainerMessage> parse_trainer_message(const Json& message) {
  Members members(message);
  const std::string type = members.text("type");
  TrainerMessage parsed = read_message(members, type);
  if (!members.problem().empty())
    return fail(Errc::corrupt, "a message '" + type.substr(0, 40) + "' " + members.problem());
  return parsed;
}

Result<Json> run_message(const Assignment& assignment,
                         const std::vector<std::string>& parent_folders, const std::string& out,
                         const std::string& state) {
  Json spec = Json::parse(assignment.spec, nullptr, false);
  if (!spec.is_object()) return fail(Errc::invalid, "the stage's spec is not a JSON object");
  Json message{{"type", "run"},
               {"stage", assignment.stage},
               {"attempt", assignment.attempt},
               {"kind", stage_kind_name(assignment.kind)},
               {"spec", std::move(spec)},
               {"parents", parent_folders},
               {"out", out}};
  if (!state.empty()) message["state"] = state;
  if (assignment.members > 1)
    message["gang"] = {{"rank", assignment.member},
                       {"size", assignment.members},
                       {"rendezvous", assignment.rendezvous}};
  return message;
}

Json cancel_message(AttemptId id) {
  return {{"type", "cancel"}, {"stage", id.stage}, {"attempt", id.attempt}};
}

Json exit_message() { return {{"type", "exit"}}; }

}  // namespace vlsweep
