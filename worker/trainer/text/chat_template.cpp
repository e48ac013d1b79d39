#include "worker/trainer/text/chat_template.h"

#include <pthread.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "orchestrator/base/file.h"
#include "worker/trainer/format/json_object.h"
#include "worker/trainer/text/chat_template_check.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "worker/trainer/text/minja/minja.hpp"
#pragma GCC diagnostic pop

namespace vlsweep {

struct ChatTemplate::Parsed {
  std::shared_ptr<minja::TemplateNode> root;
  std::map<std::string, std::string> variables;
};

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMaxConfig = 16ULL << 20;
constexpr std::string_view kProbe = "vlsweep-probe";

// minja's regular expressions take stack for every byte they look at.
constexpr std::size_t kStackBytes = 256 << 20;
constexpr std::int64_t kMaxRange = 100'000;

// Runs a function on a stack of its own size; memory is taken as it is used.
Result<> run_with_stack(const std::function<void()>& function) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread{};
  const auto entry = [](void* argument) -> void* {
    (*static_cast<const std::function<void()>*>(argument))();
    return nullptr;
  };
  void* argument = const_cast<std::function<void()>*>(&function);
  const int status = pthread_create(&thread, &attributes, entry, argument);
  pthread_attr_destroy(&attributes);
  if (status != 0) return fail(Errc::io, "no thread for a chat template");
  pthread_join(thread, nullptr);
  return {};
}

// Jinja's range, with an end: minja's would fill the memory.
minja::Value bounded_range() {
  auto left = std::make_shared<std::int64_t>(kMaxRange);
  return minja::Value::callable(
      [left](const std::shared_ptr<minja::Context>&, minja::ArgumentsValue& arguments) {
        arguments.expectArgs("range", {1, 3}, {0, 0});
        std::vector<std::int64_t> given;
        for (const minja::Value& value : arguments.args) given.push_back(value.get<std::int64_t>());
        const std::int64_t step = given.size() == 3 ? given[2] : 1;
        std::int64_t value = given.size() > 1 ? given[0] : 0;
        const std::int64_t end = given.size() > 1 ? given[1] : given[0];
        if (step == 0) throw std::runtime_error("range: a step of 0");
        auto list = minja::Value::array();
        for (; step > 0 ? value < end : value > end; value += step) {
          if (--*left < 0) throw std::runtime_error("range: too long");
          list.push_back(value);
        }
        return list;
      });
}

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text.substr(0, 300);
}

Json contents(const ChatMessage& message, bool typed) {
  if (!typed) return message.content;
  Json list = Json::array();
  if (message.image) list.push_back({{"type", "image"}});
  list.push_back({{"type", "text"}, {"text", message.content}});
  return list;
}

// "chat_template": the text, or the one named "default" of a list.
Result<std::optional<std::string>> named_template(const nlohmann::json& config,
                                                  const std::string& where) {
  const nlohmann::json* value = json_member(config, "chat_template");
  if (!value) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  if (value->is_array()) {
    for (const nlohmann::json& entry : *value) {
      VLSWEEP_TRY(const std::string name, json_text(entry, "name", "", where));
      if (name == "default") return json_text(entry, "template", "", where);
    }
  }
  return fail(Errc::invalid, R"("chat_template" must be a text or a list with a "default")", where);
}

}  // namespace

Result<ChatTemplate> ChatTemplate::load(const fs::path& folder,
                                        std::map<std::string, std::string> variables) {
  const fs::path file = folder / "chat_template.jinja";
  auto source = read_file(file, kMaxTemplateBytes);
  if (source) return parse(std::move(*source), std::move(variables), file.string());
  if (source.error().code != Errc::not_found) return std::unexpected(source.error());
  for (const char* name : {"tokenizer_config.json", "chat_template.json"}) {
    const std::string where = (folder / name).string();
    const auto config = read_json_object(folder / name, kMaxConfig);
    if (!config && config.error().code == Errc::not_found) continue;
    if (!config) return std::unexpected(config.error());
    VLSWEEP_TRY(std::optional<std::string> found, named_template(*config, where));
    if (found) return parse(std::move(*found), std::move(variables), where);
  }
  return fail(Errc::not_found, "the checkpoint has no chat template", folder.string());
}

Result<ChatTemplate> ChatTemplate::parse(std::string source,
                                         std::map<std::string, std::string> variables,
                                         const std::string& where) {
  VLSWEEP_TRY(const std::string checked, checked_template(source, where));
  ChatTemplate chat;
  chat.where_ = where;
  auto parsed = std::make_shared<Parsed>();
  parsed->variables = std::move(variables);
  std::string complaint;
  VLSWEEP_CHECK_OK(run_with_stack([&] {
    try {
      parsed->root = minja::Parser::parse(
          checked, {.trim_blocks = true, .lstrip_blocks = true, .keep_trailing_newline = false});
    } catch (const std::exception& error) {
      complaint = error.what();
    }
  }));
  if (!parsed->root) {
    return fail(Errc::invalid, "chat template: " + one_line(complaint), where);
  }
  chat.parsed_ = std::move(parsed);
  // A template that does not show a content given as text wants it typed.
  const ChatMessage probe{"user", std::string(kProbe)};
  const auto plain = chat.render_as({&probe, 1}, true, false);
  if (!plain || plain->find(kProbe) == std::string::npos) {
    const auto typed = chat.render_as({&probe, 1}, true, true);
    chat.typed_ = typed && typed->find(kProbe) != std::string::npos;
  }
  return chat;
}

Result<std::string> ChatTemplate::render(std::span<const ChatMessage> messages,
                                         bool add_generation_prompt) const {
  const bool has_image = std::ranges::any_of(messages, &ChatMessage::image);
  return render_as(messages, add_generation_prompt, typed_ || has_image);
}

Result<std::string> ChatTemplate::render_as(std::span<const ChatMessage> messages,
                                            bool add_generation_prompt, bool typed) const {
  try {
    Json list = Json::array();
    for (const ChatMessage& message : messages) {
      list.push_back({{"role", message.role}, {"content", contents(message, typed)}});
    }
    Json variables = {{"messages", std::move(list)},
                      {"add_generation_prompt", add_generation_prompt},
                      {"tools", nullptr},
                      {"documents", nullptr}};
    for (const auto& [name, value] : parsed_->variables) variables[name] = value;
    const auto context = minja::Context::make(minja::Value(variables));
    context->set("range", bounded_range());
    return parsed_->root->render(context);
  } catch (const std::exception& error) {
    return fail(Errc::invalid, "chat template: " + one_line(error.what()), where_);
  }
}

}  // namespace vlsweep
