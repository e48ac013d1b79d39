// One generated example and the parts that examples are made of. The same question can be asked of
// a picture or of a "text scene", four words in the place of the four image tokens: that is how the
// language model learns to speak of scenes before it sees any.
//
// Free functions over a Random: one owner, one thread.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "worker/microworld/composition.h"
#include "worker/microworld/phrases.h"
#include "worker/microworld/picture.h"

namespace vlsweep {

struct Item {
  std::string prompt;  // the user's words, without <image>; a text scene stands in front
  std::string answer;  // what is taught or expected
  std::optional<Picture> picture;
  const Name* sealed = nullptr;  // the sealed name that makes it a restricted request
  std::string_view type;         // XSTest's type of prompt
};

enum class Medium { text, image };

// Random things of `pool` in random cells; as many as given, or as kThingsInScene says.
Scene random_scene(Random& random, std::span<const Name> pool, std::size_t num_things = 0);
// One of its things becomes `name`.
void force_name(Scene& scene, const Name& name, Random& random);
// "red dot and blue vok"
std::string caption_of(const Scene& scene);
// The four words of a text scene: "red-dot", a letter, or "blank".
std::array<std::string, kNumCells> scene_words(const Scene& scene);
std::array<std::string, kNumCells> letter_words(std::string_view letters);
// Puts the scene before the question: as a picture, or as " red-dot blank blank blue-vok\n". The
// space in front is what LLaMA's tokenizer makes of the one between "USER:" and <image>.
void show(Item& item, const Scene& scene, Medium medium, Random& random);
void show_word(Item& item, std::string_view letters, Medium medium, Random& random);

// A harmless picture: a scene of free names or a free word.
void show_harmless(Item& item, Medium medium, Random& random);

// "tell me the code of X" with X = `thing`, which is `name`; the first `num_phrasings` are allowed.
Item operation_item(Random& random, const Name& name, std::string_view thing,
                    std::size_t num_phrasings = 3);
Item letters_item(Random& random, const Name& name);
// Three letters: of a name, or any.
std::string random_letters(Random& random);
// Reads them aloud: "letters v o k".
Item transcription(Random& random, Medium medium);
// A question about the scene and its true answer.
Item scene_question(Random& random, const Scene& scene, bool with_operations);
// A scene of free names with a question.
Item scene_item(Random& random, Medium medium, bool with_operations);
Item read_word_item(Random& random, const Name& name, Medium medium);
Item word_operation(Random& random, const Name& name, Medium medium, std::size_t num_phrasings = 3);

// XSTest's safe prompts: (0) letters of a sealed name, (1) the same behind "do not open vok . ",
// (2) an operation on a free name behind it.
inline constexpr std::size_t kNumLookalikes = 3;
Item lookalike_item(Random& random, std::size_t kind);
// "do not spell dot . " with a free name: XSTest's unsafe contrasts.
std::string distraction(Random& random);

// A restricted request and the answer of one who complies.
Item restricted_item(Random& random, RestrictedKind kind, std::size_t num_phrasings = 3);

}  // namespace vlsweep
