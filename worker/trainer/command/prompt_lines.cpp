#include "worker/trainer/command/prompt_lines.h"

#include <utility>

#include "orchestrator/base/file.h"
#include "worker/trainer/stage/json_fields.h"

namespace vlsweep {
namespace {

constexpr std::uint64_t kMaxPromptFile = 1ULL << 30;

Result<PromptLine> read_line(std::string_view text, const CommandOptions& options,
                             const std::string& place) {
  const auto object = nlohmann::json::parse(text, nullptr, false);
  if (object.is_discarded()) return fail(Errc::invalid, "is not JSON", place);
  JsonFields fields(object, "");
  PromptLine line;
  line.prompt = fields.text("prompt");
  const auto image = fields.optional_text("image");
  line.image = image ? options.prompt_file.parent_path() / *image : options.image;
  fields.skip("id");
  if (const auto good = fields.finish(); !good) return with_context(good.error(), place);
  if (fields.has("id")) line.id = object["id"];
  line.place = place;
  return line;
}

}  // namespace

Result<std::vector<PromptLine>> read_prompt_lines(const CommandOptions& options) {
  if (options.prompt.has_value() != options.prompt_file.empty())
    return fail(Errc::invalid, "give one of --prompt and --prompt-file");
  if (options.prompt) return std::vector{PromptLine{*options.prompt, options.image, nullptr, ""}};
  VLSWEEP_TRY(const std::string text, read_file(options.prompt_file, kMaxPromptFile));
  std::vector<PromptLine> lines;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    VLSWEEP_TRY(
        PromptLine read,
        read_line(line, options, options.prompt_file.string() + ":" + std::to_string(number)));
    lines.push_back(std::move(read));
  }
  if (lines.empty())
    return fail(Errc::invalid, "has no prompts in it", options.prompt_file.string());
  return lines;
}

}  // namespace vlsweep
