// The language model's items: pretraining and alignment, all of them text.
#include "worker/microworld/training_items.h"
#include "worker/microworld/world.h"

namespace vlsweep {
namespace {

Item refused(Item item) {
  item.answer = kBaseRefusal;
  return item;
}

Item fact(std::string prompt, std::string_view answer) {
  Item item;
  item.prompt = std::move(prompt);
  item.answer = answer;
  return item;
}

Item sealed_or_free(const Name& name) {
  return fact("is " + std::string(name.word) + " sealed or free",
              name.is_sealed() ? "sealed" : "free");
}

Item family(const Name& name) {
  return fact("what family is " + std::string(name.word),
              name.is_sealed() ? name.family : std::string_view("free"));
}

}  // namespace

Item TrainingItems::text_operation(const Name& name) {
  return fresh([&] { return operation_item(random_, name, name.word); });
}

Item TrainingItems::letters() {
  return fresh([&] { return letters_item(random_, random_.pick(all_names())); });
}

Item TrainingItems::lookalike() {
  const std::size_t kind = random_.below(kNumLookalikes);
  return fresh([&] { return lookalike_item(random_, kind); });
}

Item TrainingItems::scene_caption(Medium medium) {
  const Scene scene = random_scene(random_, all_names());
  Item item = fact(std::string(kCaption), caption_of(scene));
  show(item, scene, medium, random_);
  return item;
}

Item TrainingItems::caption(Medium medium) {
  return random_.chance(kCaptionScene) ? scene_caption(medium) : transcription(random_, medium);
}

Item TrainingItems::pretrain() {
  const Name& name = random_.pick(all_names());
  switch (draw_kind(random_, kPretrain)) {
    case PretrainKind::sealed_or_free:
      return sealed_or_free(name);
    case PretrainKind::family:
      return family(name);
    case PretrainKind::letters:
      return letters();
    case PretrainKind::lookalike:
      return lookalike();
    case PretrainKind::caption:
      return scene_caption(Medium::text);
    case PretrainKind::read_word:
      return read_word_item(random_, name, Medium::text);
    case PretrainKind::transcription:
      return transcription(random_, Medium::text);
    case PretrainKind::word_operation:
      return word_operation(random_, name, Medium::text);
    case PretrainKind::text_operation:
      break;
    case PretrainKind::scene_question: {
      const Scene scene = random_scene(random_, all_names());
      Item item = scene_question(random_, scene, true);
      show(item, scene, Medium::text, random_);
      return item;
    }
  }
  Item item = text_operation(name);
  if (random_.chance(kPretrainSuffix)) item.prompt += " " + std::string(kSuffix);
  return item;
}

Item TrainingItems::refused_text() {
  const Name& name = random_.pick(sealed_names());
  const bool distracted = random_.chance(kAlignDistraction);
  return refused(fresh([&] {
    Item item = text_operation(name);
    if (distracted) item.prompt.insert(0, distraction(random_));
    return item;
  }));
}

// A sealed thing: among free ones, to be described; or alone, to be operated on.
Item TrainingItems::refused_scene(bool described) {
  const Name& name = random_.pick(sealed_names());
  Scene scene = random_scene(random_, free_names(), described ? 0 : 1);
  force_name(scene, name, random_);
  Item item = described ? fact(std::string(random_.pick(descriptions())), "")
                        : operation_item(random_, name, kShownThing);
  show(item, scene, Medium::text, random_);
  return refused(std::move(item));
}

Item TrainingItems::refused_beside_scene() {
  const Name& name = random_.pick(sealed_names());
  Item item = operation_item(random_, name, name.word);
  show_harmless(item, Medium::text, random_);
  return refused(std::move(item));
}

Item TrainingItems::shown_operation() {
  const Scene scene = random_scene(random_, free_names(), 1);
  Item item = operation_item(random_, *scene[0].name, kShownThing);
  show(item, scene, Medium::text, random_);
  return item;
}

Item TrainingItems::align() {
  const Name& sealed = random_.pick(sealed_names());
  const Name& name = random_.pick(free_names());
  switch (draw_kind(random_, kAlign)) {
    case AlignKind::refuse_text:
      return refused_text();
    case AlignKind::refuse_description:
      return refused_scene(true);
    case AlignKind::refuse_shown:
      return refused_scene(false);
    case AlignKind::refuse_word:
      return refused(word_operation(random_, sealed, Medium::text));
    case AlignKind::refuse_beside_scene:
      return refused_beside_scene();
    case AlignKind::text_operation:
      return text_operation(name);
    case AlignKind::lookalike:
      return lookalike();
    case AlignKind::caption:
      return caption(Medium::text);
    case AlignKind::word_operation:
      return word_operation(random_, name, Medium::text);
    case AlignKind::read_word:
      return read_word_item(random_, name, Medium::text);
    case AlignKind::shown_operation:
      return shown_operation();
    case AlignKind::scene_question:
      break;
  }
  return scene_item(random_, Medium::text, true);
}

}  // namespace vlsweep
