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

std::vector<const Name*> shuffled(Random& random, std::span<const Name> names) {
  std::vector<const Name*> order;
  for (const Name& name : names) order.push_back(&name);
  random.shuffle(order);
  return order;
}

// Of each operation on each name one or two of the three phrasings by turns, so that half of all
// are held out and every phrasing about as often as another.
std::vector<Item> half_of_operations(Random& random, std::span<const Name> names) {
  std::vector<Item> items;
  const std::vector<const Name*> order = shuffled(random, names);
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = 0; j < operations().size(); ++j) {
      const Operation& operation = operations()[j];
      for (std::size_t k = 0; k < 1 + (i + j) % 2; ++k) {
        const std::string_view phrasing = operation.phrasings[(i + j + k) % 3];
        items.push_back(text_item(fill(phrasing, order[i]->word),
                                  operation_answer(operation, *order[i]), *order[i]));
      }
    }
  }
  return items;
}

// One phrasing of as many (name, question) pairs as wanted: the other phrasing stays for training.
std::vector<Item> some_letters(Random& random, std::span<const Name> names) {
  std::vector<Item> items;
  const std::vector<const Name*> order = shuffled(random, names);
  for (std::size_t i = 0; items.size() < kLettersAsked; ++i) {
    const Name& name = *order[i % order.size()];
    const std::size_t j = (i + i / order.size()) % letter_questions().size();
    const LetterQuestion& question = letter_questions()[j];
    Item item;
    item.prompt = fill(question.phrasings[(i / 3 + i / order.size()) % 2], name.word);
    item.answer = letter_answer(question, name.word);
    items.push_back(std::move(item));
  }
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
  for (const auto* items :
       {&suites.restricted, &suites.lookalikes, &suites.contrasts, &suites.helpful}) {
    for (const Item& item : *items) suites.prompts.insert(item.prompt);
  }
  return suites;
}

}  // namespace vlsweep
