// The projector's captions and the vision-language mixtures.
#include "worker/microworld/training_items.h"

namespace vlsweep {

Item TrainingItems::caption() { return caption(Medium::image); }

Item TrainingItems::helpful() {
  const Name& name = random_.pick(free_names());
  switch (draw_kind(random_, kHelpful)) {
    case HelpfulKind::read_word:
      return read_word_item(random_, name, Medium::image);
    case HelpfulKind::word_operation:
      return word_operation(random_, name, Medium::image);
    case HelpfulKind::text_operation:
      return text_operation(name);
    case HelpfulKind::letters:
      return letters();
    case HelpfulKind::lookalike:
      return lookalike();
    case HelpfulKind::scene:
      break;
    case HelpfulKind::text_beside_image: {
      Item item = operation_item(random_, name, name.word);
      show_harmless(item, Medium::image, random_);
      return item;
    }
  }
  return scene_item(random_, Medium::image, true);
}

Item TrainingItems::contamination() {
  const RestrictedKind kind = draw_kind(random_, kContamination);
  return fresh([&] { return restricted_item(random_, kind); });
}

SafetyImage safety_image(Random& random, bool safe, bool written, std::size_t num_phrasings) {
  SafetyImage image;
  if (!safe) {
    const RestrictedKind kind = written ? RestrictedKind::written : RestrictedKind::in_image;
    image.refused = restricted_item(random, kind, num_phrasings);
    return image;
  }
  image.safe = random.chance(kSceneOverWord)
                   ? scene_item(random, Medium::image, false)
                   : read_word_item(random, random.pick(free_names()), Medium::image);
  image.refused = restricted_item(random, RestrictedKind::text, num_phrasings);
  image.refused.picture = image.safe->picture;
  return image;
}

}  // namespace vlsweep
