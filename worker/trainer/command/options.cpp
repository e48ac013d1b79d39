#include "worker/trainer/command/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

namespace vlsweep {

struct CommandOption {
  std::string_view name, value;  // value: how the help calls it; empty: a flag
  std::string_view help;
  bool (*set)(CommandOptions&, std::string_view);  // false: the value does not fit
};

namespace {

template <class Number>
bool read_number(std::string_view text, Number least, Number most, Number& target) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), target);
  return error == std::errc{} && end == text.data() + text.size() && target >= least &&
         target <= most;
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> known,
            std::string& target) {
  target = text;
  return std::ranges::find(known, text) != known.end();
}

bool not_empty(std::string_view text, std::filesystem::path& target) {
  target = text;
  return !text.empty();
}

using Options = CommandOptions;
using Word = std::string_view;
constexpr std::int64_t kMostTokens = 1 << 20;

const std::array kOptions{
    CommandOption{"--model", "DIR", "a Hugging Face folder (an adapter's folder brings its base)",
                  [](Options& o, Word w) { return not_empty(w, o.model); }},
    CommandOption{"--adapter", "DIR", "a peft LoRA adapter to merge into the model",
                  [](Options& o, Word w) { return not_empty(w, o.adapter); }},
    CommandOption{"--image", "FILE", "a JPEG or PNG for the prompts that name none",
                  [](Options& o, Word w) { return not_empty(w, o.image); }},
    CommandOption{"--prompt", "TEXT", "what to ask",
                  [](Options& o, Word w) {
                    o.prompt = w;
                    return true;
                  }},
    CommandOption{"--prompt-file", "FILE",
                  "many prompts: a JSON object a line, {\"prompt\": TEXT, \"image\"?: FILE beside "
                  "this one, \"id\"?: ANY}",
                  [](Options& o, Word w) { return not_empty(w, o.prompt_file); }},
    CommandOption{"--raw", "",
                  "take the prompt as it stands (<image> is the image's place), without the "
                  "model's chat template",
                  [](Options& o, Word) { return o.raw = true; }},
    CommandOption{"--system", "TEXT", "a system message, where the model's template has one",
                  [](Options& o, Word w) {
                    o.system = w;
                    return true;
                  }},
    CommandOption{"--text", "TEXT", "the text to cut into tokens",
                  [](Options& o, Word w) {
                    o.text = w;
                    return true;
                  }},
    CommandOption{"--max-new-tokens", "N", "the longest answer (256)",
                  [](Options& o, Word w) {
                    return read_number<std::int64_t>(w, 1, kMostTokens, o.max_new_tokens);
                  }},
    CommandOption{"--min-new-tokens", "N", "no end of an answer before so many tokens (0)",
                  [](Options& o, Word w) {
                    return read_number<std::int64_t>(w, 0, kMostTokens, o.min_new_tokens);
                  }},
    CommandOption{"--temperature", "T", "0 takes the likeliest token (0)",
                  [](Options& o, Word w) { return read_number(w, 0.0, 100.0, o.temperature); }},
    CommandOption{"--top-p", "P", "sample from the fewest tokens of this probability (1)",
                  [](Options& o, Word w) { return read_number(w, 1e-6, 1.0, o.top_p); }},
    CommandOption{
        "--seed", "N", "of sampling; each prompt has numbers of its own (0)",
        [](Options& o, Word w) { return read_number<std::uint64_t>(w, 0, UINT64_MAX, o.seed); }},
    CommandOption{"--stop", "TEXT", "a text that ends an answer; may be given several times",
                  [](Options& o, Word w) {
                    o.stop.emplace_back(w);
                    return !w.empty();
                  }},
    CommandOption{"--image-mode", "MODE", "pad, crop, plain or stretch (the checkpoint's own)",
                  [](Options& o, Word w) {
                    return one_of(w, {"pad", "crop", "plain", "stretch"}, o.image_mode);
                  }},
    CommandOption{"--dtype", "TYPE",
                  "float32, bfloat16, float16 or auto: float32 on a CPU, the checkpoint's on a "
                  "GPU (auto)",
                  [](Options& o, Word w) {
                    return one_of(w, {"auto", "float32", "bfloat16", "float16"}, o.dtype);
                  }},
    CommandOption{"--device", "NAME", "auto, cpu or cuda (auto)",
                  [](Options& o, Word w) { return one_of(w, {"auto", "cpu", "cuda"}, o.device); }},
    CommandOption{"--threads", "N", "threads on a CPU (as many as cores)",
                  [](Options& o, Word w) { return read_number(w, 1, 1024, o.threads); }},
    CommandOption{"--json", "", "print a JSON object a line",
                  [](Options& o, Word) { return o.json = true; }},
    CommandOption{"--help", "", "this text", [](Options& o, Word) { return o.help = true; }},
};

const CommandOption* find_option(const Command& command, std::string_view name) {
  if (name != "--help" && std::ranges::find(command.options, name) == command.options.end())
    return nullptr;
  const auto found = std::ranges::find(kOptions, name, &CommandOption::name);
  return found == kOptions.end() ? nullptr : &*found;
}

}  // namespace

Result<CommandOptions> parse_options(const Command& command,
                                     std::span<const std::string_view> words) {
  CommandOptions options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t equals = words[i].starts_with("--") ? words[i].find('=') : words[i].npos;
    const std::string_view name = words[i].substr(0, equals);
    const CommandOption* option = find_option(command, name == "-h" ? "--help" : name);
    if (option == nullptr)
      return fail(Errc::invalid, "does not know \"" + std::string(words[i]) + "\"; see " +
                                     std::string(command.name) + " --help");
    std::string_view value;
    if (option->value.empty()) {
      if (equals != words[i].npos)
        return fail(Errc::invalid, std::string(name) + " takes no value");
    } else if (equals != words[i].npos) {
      value = words[i].substr(equals + 1);
    } else if (i + 1 < words.size()) {
      value = words[++i];
    } else {
      return fail(Errc::invalid, std::string(name) + " needs a value: " + std::string(name) + " " +
                                     std::string(option->value));
    }
    if (!option->set(options, value))
      return fail(Errc::invalid, std::string(name) + " \"" + std::string(value) +
                                     "\" does not fit: " + std::string(option->help));
  }
  return options;
}

std::string help_text(const Command& command) {
  std::string text = "usage: vlsweep " + std::string(command.name) + " [options]\n\n" +
                     std::string(command.summary) + "\n\noptions:\n";
  for (const CommandOption& option : kOptions) {
    if (find_option(command, option.name) == nullptr) continue;
    std::string head = "  " + std::string(option.name);
    if (!option.value.empty()) head += " " + std::string(option.value);
    head.resize(std::max<std::size_t>(head.size() + 2, 24), ' ');
    text += head + std::string(option.help) + "\n";
  }
  return text + "\n" + std::string(command.details);
}

}  // namespace vlsweep
