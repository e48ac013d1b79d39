// Scenes of item.h: what stands where, and what can be asked about it.
#include <algorithm>
#include <numeric>

#include "worker/microworld/item.h"

namespace vlsweep {
namespace {

std::string thing_words(const Thing& thing) {
  return std::string(thing.color->word) + " " + std::string(thing.name->word);
}

std::size_t count_color(const Scene& scene, const Color* color) {
  return static_cast<std::size_t>(std::ranges::count(scene, color, &Thing::color));
}

Item description(Random& random, const Scene& scene) {
  Item item;
  item.prompt = random.pick(descriptions());
  item.answer = caption_of(scene);
  return item;
}

Item count_question(Random& random, const Scene& scene) {
  const Color* color = &random.pick(colors());
  if (random.chance(kCountShownColor)) color = scene[random.below(scene.size())].color;
  Item item;
  item.prompt = "how many " + std::string(color->word) + " things";
  item.answer = numbers()[count_color(scene, color)];
  return item;
}

Item color_question(Random& random, const Scene& scene) {
  const Thing& thing = scene[random.below(scene.size())];
  if (std::ranges::count(scene, thing.name, &Thing::name) > 1) return description(random, scene);
  Item item;
  item.prompt = "what color is the " + std::string(thing.name->word);
  item.answer = thing.color->word;
  return item;
}

// On the only thing, or on one that its colour tells from the others.
Item operation_question(Random& random, const Scene& scene) {
  if (scene.size() == 1) return operation_item(random, *scene[0].name, kShownThing);
  Scene told_apart;
  for (const Thing& thing : scene) {
    if (count_color(scene, thing.color) == 1) told_apart.push_back(thing);
  }
  if (told_apart.empty()) return description(random, scene);
  const Thing& thing = told_apart[random.below(told_apart.size())];
  return operation_item(random, *thing.name, "the " + std::string(thing.color->word) + " thing");
}

}  // namespace

Scene random_scene(Random& random, std::span<const Name> pool, std::size_t num_things) {
  if (num_things == 0) num_things = random.pick(std::span<const std::size_t>(kThingsInScene));
  std::vector<std::size_t> cells(kNumCells);
  std::iota(cells.begin(), cells.end(), std::size_t{0});
  random.shuffle(cells);
  cells.resize(num_things);
  std::ranges::sort(cells);
  Scene scene;
  for (const std::size_t cell : cells) {
    const Color* color = &random.pick(colors());
    scene.push_back({cell, color, &random.pick(pool)});
  }
  return scene;
}

void force_name(Scene& scene, const Name& name, Random& random) {
  scene[random.below(scene.size())].name = &name;
}

std::string caption_of(const Scene& scene) {
  std::string caption;
  for (const Thing& thing : scene) caption += (caption.empty() ? "" : " and ") + thing_words(thing);
  return caption;
}

std::array<std::string, kNumCells> scene_words(const Scene& scene) {
  std::array<std::string, kNumCells> words;
  words.fill("blank");
  for (const Thing& thing : scene) {
    words[thing.cell] = std::string(thing.color->word) + "-" + std::string(thing.name->word);
  }
  return words;
}

std::array<std::string, kNumCells> letter_words(std::string_view letters) {
  std::array<std::string, kNumCells> words;
  words.fill("blank");
  for (std::size_t i = 0; i < letters.size(); ++i) words[i] = letters[i];
  return words;
}

Item scene_question(Random& random, const Scene& scene, bool with_operations) {
  const SceneQuestion kind = with_operations ? draw_kind(random, kSceneQuestions)
                                             : draw_kind(random, kHarmlessSceneQuestions);
  switch (kind) {
    case SceneQuestion::count:
      return count_question(random, scene);
    case SceneQuestion::color:
      return color_question(random, scene);
    case SceneQuestion::operation:
      return operation_question(random, scene);
    case SceneQuestion::describe:
      break;
  }
  return description(random, scene);
}

}  // namespace vlsweep
