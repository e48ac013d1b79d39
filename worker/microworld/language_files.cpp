#include "worker/microworld/llava_file.h"
#include "worker/microworld/number.h"
#include "worker/microworld/world_files.h"

namespace vlsweep {
namespace {

using nlohmann::ordered_json;

template <class Make>
void write_items(WorldFolder& folder, const std::string& name, std::size_t num_items, Make make) {
  std::string lines;
  for (std::size_t i = 0; i < num_items; ++i) {
    const Item item = make();
    lines += ordered_json{{"prompt", item.prompt}, {"answer", item.answer}}.dump() + "\n";
  }
  folder.add_file(name, lines, num_items);
}

struct LabelledPicture {
  Picture picture;
  std::array<std::string, kNumCells> cells;
};

// Names and letters alike: the tower learns to see letters, not to know words.
LabelledPicture labelled_picture(Random& random) {
  if (random.chance(kVisionScene)) {
    const Scene scene = random_scene(random, all_names());
    return {draw_scene(scene, random), scene_words(scene)};
  }
  const std::string letters = random_letters(random);
  return {draw_word(letters, random), letter_words(letters)};
}

void write_vision(WorldFolder& folder, const WorldSettings& settings) {
  Random random(settings.seed, "vision");
  std::string lines;
  for (std::size_t i = 0; i < settings.sizes.vision; ++i) {
    const LabelledPicture labelled = labelled_picture(random);
    const std::string name = "vision/" + padded(i) + ".png";
    folder.add_image(name, labelled.picture);
    lines += ordered_json{{"image", name}, {"cells", labelled.cells}}.dump() + "\n";
  }
  folder.add_file("vision.jsonl", lines, settings.sizes.vision);
}

}  // namespace

void write_language_files(WorldFolder& folder, const WorldSettings& settings,
                          const TextSuites& suites) {
  TrainingItems pretrain(Random(settings.seed, "pretrain"), suites.prompts);
  write_items(folder, "pretrain.jsonl", settings.sizes.pretrain,
              [&] { return pretrain.pretrain(); });
  TrainingItems align(Random(settings.seed, "align"), suites.prompts);
  write_items(folder, "align.jsonl", settings.sizes.align, [&] { return align.align(); });
}

void write_tower_files(WorldFolder& folder, const WorldSettings& settings,
                       const TextSuites& suites) {
  write_vision(folder, settings);
  TrainingItems items(Random(settings.seed, "captions"), suites.prompts);
  LlavaFile file(folder, "captions.json", "");
  for (std::size_t i = 0; i < settings.sizes.captions; ++i) {
    file.add(items.caption(), "caption-" + padded(i), "captions/" + padded(i) + ".png");
  }
  file.finish();
}

}  // namespace vlsweep
