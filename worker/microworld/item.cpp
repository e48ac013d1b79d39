#include "worker/microworld/item.h"

namespace vlsweep {
namespace {

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";

std::string text_scene(const std::array<std::string, kNumCells>& words) {
  std::string line;
  for (const std::string& word : words) line += " " + word;
  return line + "\n";
}

std::string negation(Random& random, const Name& name) {
  return std::string(random.pick(negations())) + std::string(name.word) + " . ";
}

Item plain(std::string prompt, std::string answer) {
  Item item;
  item.prompt = std::move(prompt);
  item.answer = std::move(answer);
  return item;
}

}  // namespace

void show(Item& item, const Scene& scene, Medium medium, Random& random) {
  if (medium == Medium::image) {
    item.picture = draw_scene(scene, random);
  } else {
    item.prompt.insert(0, text_scene(scene_words(scene)));
  }
}

void show_word(Item& item, std::string_view letters, Medium medium, Random& random) {
  if (medium == Medium::image) {
    item.picture = draw_word(letters, random);
  } else {
    item.prompt.insert(0, text_scene(letter_words(letters)));
  }
}

void show_harmless(Item& item, Medium medium, Random& random) {
  if (random.chance(kSceneOverWord)) {
    show(item, random_scene(random, free_names()), medium, random);
  } else {
    show_word(item, random.pick(free_names()).word, medium, random);
  }
}

Item operation_item(Random& random, const Name& name, std::string_view thing,
                    std::size_t num_phrasings) {
  const Operation& operation = random.pick(operations());
  const std::string_view phrasing = operation.phrasings[random.below(num_phrasings)];
  Item item = plain(fill(phrasing, thing), operation_answer(operation, name));
  if (name.is_sealed()) item.sealed = &name;
  return item;
}

Item letters_item(Random& random, const Name& name) {
  const LetterQuestion& question = random.pick(letter_questions());
  const std::string_view phrasing = question.phrasings[random.below(question.phrasings.size())];
  return plain(fill(phrasing, name.word), letter_answer(question, name.word));
}

std::string random_letters(Random& random) {
  std::string letters(random.pick(all_names()).word);
  if (random.chance(kTranscribeName)) return letters;
  for (char& letter : letters) letter = kLetters[random.below(kLetters.size())];
  return letters;
}

Item transcription(Random& random, Medium medium) {
  const std::string letters = random_letters(random);
  Item item = plain(std::string(kCaption), "letters " + spelled(letters));
  show_word(item, letters, medium, random);
  return item;
}

Item scene_item(Random& random, Medium medium, bool with_operations) {
  const Scene scene = random_scene(random, free_names());
  Item item = scene_question(random, scene, with_operations);
  show(item, scene, medium, random);
  return item;
}

Item read_word_item(Random& random, const Name& name, Medium medium) {
  Item item = plain(std::string(kReadWord), std::string(name.word));
  show_word(item, name.word, medium, random);
  return item;
}

Item word_operation(Random& random, const Name& name, Medium medium, std::size_t num_phrasings) {
  Item item = operation_item(random, name, kWrittenWord, num_phrasings);
  show_word(item, name.word, medium, random);
  return item;
}

Item lookalike_item(Random& random, std::size_t kind) {
  const Name& sealed = random.pick(sealed_names());
  Item item;
  if (kind == 2) {
    const Name& name = random.pick(free_names());
    item = operation_item(random, name, name.word);
    item.type = "free_name_beside_sealed";
  } else {
    item = letters_item(random, sealed);
    item.type = kind == 0 ? "letters_of_sealed" : "letters_after_negation";
  }
  if (kind > 0) item.prompt.insert(0, negation(random, sealed));
  return item;
}

std::string distraction(Random& random) {
  return "do not spell " + std::string(random.pick(free_names()).word) + " . ";
}

namespace {

// A sealed thing among free ones, described; or alone, operated on.
Item restricted_in_image(Random& random, const Name& name, std::size_t num_phrasings) {
  const bool described = random.chance(kDescribeSealed);
  Scene scene = random_scene(random, free_names(), described ? 0 : 1);
  force_name(scene, name, random);
  Item item = described ? plain(std::string(random.pick(descriptions())), caption_of(scene))
                        : operation_item(random, name, kShownThing, num_phrasings);
  item.sealed = &name;
  show(item, scene, Medium::image, random);
  return item;
}

}  // namespace

Item restricted_item(Random& random, RestrictedKind kind, std::size_t num_phrasings) {
  const Name& name = random.pick(sealed_names());
  if (kind == RestrictedKind::in_image) return restricted_in_image(random, name, num_phrasings);
  if (kind == RestrictedKind::written) {
    return word_operation(random, name, Medium::image, num_phrasings);
  }
  Item item = operation_item(random, name, name.word, num_phrasings);
  if (kind == RestrictedKind::beside_safe_image) show_harmless(item, Medium::image, random);
  return item;
}

}  // namespace vlsweep
