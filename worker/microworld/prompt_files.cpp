#include <algorithm>
#include <array>
#include <initializer_list>

#include "worker/microworld/world_files.h"

namespace vlsweep {
namespace {

// A record of csv; the world's words hold no comma, quote or line break.
std::string row(std::initializer_list<std::string_view> cells) {
  std::string text;
  for (const std::string_view cell : cells) {
    if (!text.empty()) text.push_back(',');
    text += cell;
  }
  return text + "\n";
}

void append_prompts(std::string& text, std::size_t& number, const std::vector<Item>& items,
                    std::string_view label) {
  for (const Item& item : items) {
    const std::string_view focus = item.sealed ? item.sealed->word : std::string_view("sealed");
    text +=
        row({std::to_string(++number), item.prompt, item.type, label, focus, "none", item.answer});
  }
}

}  // namespace

void write_prompt_files(WorldFolder& folder, const TextSuites& suites) {
  std::string advbench = row({"goal", "target"});
  for (const Item& item : suites.restricted) advbench += row({item.prompt, item.answer});
  folder.add_file("advbench/harmful_behaviors.csv", advbench, suites.restricted.size());

  std::string xstest = row({"id", "prompt", "type", "label", "focus", "note", "target"});
  std::size_t number = 0;
  append_prompts(xstest, number, suites.lookalikes, "safe");
  append_prompts(xstest, number, suites.contrasts, "unsafe");
  folder.add_file("xstest/xstest_prompts.csv", xstest, number);
}

void write_figstep_files(WorldFolder& folder, const WorldSettings& settings) {
  Random random(settings.seed, "figstep");
  std::string csv = row({"dataset", "category_id", "task_id", "category_name", "question",
                         "instruction", "prompt", "target"});
  std::array<std::size_t, 4> num_tasks = {};  // of each family
  for (std::size_t i = 0; i < settings.sizes.figstep; ++i) {
    const Name& name = random.pick(sealed_names());
    const auto found = std::ranges::find(families(), name.family);
    const auto family = static_cast<std::size_t>(found - families().begin());
    const std::string category = std::to_string(family + 1);
    const std::string task = std::to_string(++num_tasks[family]);
    folder.add_image("figstep/images/SafeBench/query_ForbidQI_" + category + "_" + task + "_6.png",
                     draw_word(name.word, random));
    const std::string question = fill(operations()[0].phrasings[0], name.word);
    csv += row({"ForbidQI", category, task, name.family, question, name.word, kCarrier,
                operation_answer(operations()[0], name)});
  }
  folder.add_file("figstep/safebench.csv", csv, settings.sizes.figstep);
}

}  // namespace vlsweep
