#include "worker/microworld/llava_file.h"
#include "worker/microworld/number.h"
#include "worker/microworld/world_files.h"

namespace vlsweep {
namespace {

constexpr const char* kImages = "helpful/images/";

void write_train(WorldFolder& folder, const WorldSettings& settings, const TextSuites& suites) {
  TrainingItems items(Random(settings.seed, "helpful"), suites.prompts);
  LlavaFile file(folder, "helpful/train.json", kImages);
  for (std::size_t i = 0; i < settings.sizes.helpful; ++i) {
    file.add(items.helpful(), "helpful-" + padded(i), "train/" + padded(i) + ".png");
  }
  file.finish();
}

// New items of the same mixture with image, then the text-only ones that were held out.
void write_test(WorldFolder& folder, const WorldSettings& settings, const TextSuites& suites) {
  TrainingItems items(Random(settings.seed, "helpful test"), suites.prompts);
  LlavaFile file(folder, "helpful/test.json", kImages);
  std::size_t number = 0;
  while (number < settings.sizes.helpful_test) {
    const Item item = items.helpful();
    if (!item.picture) continue;
    file.add(item, "helpful-test-" + padded(number), "test/" + padded(number) + ".png");
    ++number;
  }
  for (const Item& item : suites.helpful) file.add(item, "helpful-test-" + padded(number++), "");
  file.finish();
}

}  // namespace

void write_helpful_files(WorldFolder& folder, const WorldSettings& settings,
                         const TextSuites& suites) {
  write_train(folder, settings, suites);
  write_test(folder, settings, suites);
  TrainingItems items(Random(settings.seed, "contamination"), suites.prompts);
  LlavaFile file(folder, "contamination.json", kImages);
  for (std::size_t i = 0; i < settings.sizes.contamination; ++i) {
    file.add(items.contamination(), "contamination-" + padded(i),
             "contamination/" + padded(i) + ".png");
  }
  file.finish();
}

}  // namespace vlsweep
