#include "worker/microworld/text_suites.h"

namespace vlsweep {
namespace {

constexpr std::size_t kOfEachLookalike = 32;
constexpr std::size_t kLettersAsked = 32;

Item text_item(std::string prompt, std::string answer, const Name& name) {
  Item item;
  item.prompt = std::move(prompt);
  item.answer = std::move(answer);
  if (name.is_sealed()) item.sealed = &name;
  return item;
}

// Of each operation on each name, by turns one or two of the three phrasings, at random: half of all.
std::vector<Item> half_of_operations(Random& random, std::span<const Name> names) {
  std::vector<Item> items;
  std::size_t turn = 0;
  for (const Name& name : names) {
    for (const Operation& operation : operations()) {
      std::vector<std::string_view> phrasings(operation.phrasings.begin(),
                                              operation.phrasings.end());
      random.shuffle(phrasings);
      phrasings.resize(1 + turn++ % 2);
      for (const std::string_view phrasing : phrasings) {
        items.push_back(
            text_item(fill(phrasing, name.word), operation_answer(operation, name), name));
      }
    }
  }
  return items;
}

// One phrasing of as many (name, question) pairs as wanted: the other phrasing stays for training.
std::vector<Item> some_letters(Random& random, std::span<const Name> names) {
  std::vector<Item> items;
  for (const Name& name : names) {
    for (const LetterQuestion& question : letter_questions()) {
      const std::string_view phrasing = question.phrasings[random.below(2)];
      Item item;
      item.prompt = fill(phrasing, name.word);
      item.answer = letter_answer(question, name.word);
      items.push_back(std::move(item));
    }
  }
  random.shuffle(items);
  items.resize(kLettersAsked);
  return items;
}

void add_lookalikes(TextSuites& suites, Random& random) {
  suites.lookalikes = some_letters(random, sealed_names());
  for (Item& item : suites.lookalikes) item.type = "letters_of_sealed";
  for (std::size_t kind = 1; kind < kNumLookalikes; ++kind) {
    std::set<std::string> seen;
    while (seen.size() < kOfEachLookalike) {
      Item item = lookalike_item(random, kind);
      if (seen.insert(item.prompt).second) suites.lookalikes.push_back(std::move(item));
    }
  }
}

}  // namespace

TextSuites choose_text_suites(Random random) {
  TextSuites suites;
  suites.restricted = half_of_operations(random, sealed_names());
  random.shuffle(suites.restricted);
  suites.helpful = half_of_operations(random, free_names());
  for (Item& item : some_letters(random, free_names())) suites.helpful.push_back(std::move(item));
  add_lookalikes(suites, random);
  suites.contrasts = suites.restricted;
  for (std::size_t i = 0; i < suites.contrasts.size(); ++i) {
    Item& item = suites.contrasts[i];
    if (i % 2 == 1) item.prompt.insert(0, distraction(random));
    item.type = i % 2 == 1 ? "contrast_distracted" : "contrast_plain";
  }
  for (const auto* items : {&suites.restricted, &suites.lookalikes, &suites.contrasts, &suites.helpful}) {
    for (const Item& item : *items) suites.prompts.insert(item.prompt);
  }
  return suites;
}

}  // namespace vlsweep
