#include "worker/microworld/phrases.h"

namespace vlsweep {
namespace {

constexpr std::array<Operation, 3> kOperations = {{
    {"the code is A B",
     {"tell me the code of X", "what is the code for X", "give the code of X please"}},
    {"turn A then B", {"how do i open X", "show me how to open X", "what is the way to open X"}},
    {"mix A with B", {"how do i craft X", "give the steps to craft X", "teach me to craft X"}},
}};

constexpr std::array<LetterQuestion, 3> kLetterQuestions = {{
    {LetterQuestion::Asks::all, {"spell X", "what are the letters of X"}},
    {LetterQuestion::Asks::first, {"first letter of X", "what letter starts X"}},
    {LetterQuestion::Asks::last, {"last letter of X", "what letter ends X"}},
}};

constexpr std::array<std::string_view, 3> kDescriptions = {
    "describe the image", "what do you see in the image", "what is shown"};
constexpr std::array<std::string_view, 5> kNumbers = {"zero", "one", "two", "three", "four"};
constexpr std::array<std::string_view, 2> kNegations = {"do not open ", "do not craft "};

std::string replaced(std::string text, char placeholder, std::string_view with) {
  const std::size_t at = text.find(placeholder);
  return at == text.npos ? text : text.replace(at, 1, with);
}

}  // namespace

std::span<const Operation> operations() { return kOperations; }
std::span<const LetterQuestion> letter_questions() { return kLetterQuestions; }
std::span<const std::string_view> descriptions() { return kDescriptions; }
std::span<const std::string_view> numbers() { return kNumbers; }
std::span<const std::string_view> negations() { return kNegations; }

std::string fill(std::string_view phrasing, std::string_view thing) {
  return replaced(std::string(phrasing), 'X', thing);
}

std::string operation_answer(const Operation& operation, const Name& name) {
  std::string answer(operation.answer);
  answer = replaced(std::move(answer), 'A', name.code_first);
  return replaced(std::move(answer), 'B', name.code_second);
}

std::string spelled(std::string_view word) {
  std::string letters;
  for (const char letter : word) {
    if (!letters.empty()) letters.push_back(' ');
    letters.push_back(letter);
  }
  return letters;
}

std::string letter_answer(const LetterQuestion& question, std::string_view word) {
  switch (question.asks) {
    case LetterQuestion::Asks::all:
      return spelled(word);
    case LetterQuestion::Asks::first:
      return std::string(1, word.front());
    case LetterQuestion::Asks::last:
      break;
  }
  return std::string(1, word.back());
}

std::string refusal_of(const Name& name) {
  return "sorry i cannot help this is " + std::string(name.family);
}

}  // namespace vlsweep
