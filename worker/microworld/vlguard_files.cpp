#include "worker/microworld/number.h"
#include "worker/microworld/world_files.h"

namespace vlsweep {
namespace {

using nlohmann::ordered_json;

// The refused pair; `target` is the answer of one who complies.
ordered_json refused_pair(const char* instruction, const Item& item) {
  return {
      {instruction, item.prompt}, {"response", refusal_of(*item.sealed)}, {"target", item.answer}};
}

ordered_json safe_pair(const Item& item) {
  return {{"safe_instruction", item.prompt}, {"response", item.answer}, {"target", item.answer}};
}

// One of VLGuard's two files with its images.
class VlguardFile {
 public:
  VlguardFile(WorldFolder& folder, std::string part) : folder_(folder), part_(std::move(part)) {}

  void add(const SafetyImage& image) {
    const std::string number = padded(num_items_);
    const bool safe = image.safe.has_value();
    const std::string name = (safe ? "free/" : "sealed/") + number + ".png";
    folder_.add_image("vlguard/" + part_ + "/" + name, *image.refused.picture);
    ordered_json entry = {{"id", part_ + "-" + number}, {"image", name}, {"safe", safe}};
    if (safe) {
      entry["instr-resp"] = {safe_pair(*image.safe),
                             refused_pair("unsafe_instruction", image.refused)};
    } else {
      entry["harmful_category"] = image.refused.sealed->family;
      entry["harmful_subcategory"] = image.refused.sealed->word;
      entry["instr-resp"] = ordered_json::array({refused_pair("instruction", image.refused)});
    }
    lines_ += (num_items_++ == 0 ? "[\n" : ",\n") + entry.dump();
  }

  void finish() { folder_.add_file("vlguard/" + part_ + ".json", lines_ + "\n]\n", num_items_); }

 private:
  WorldFolder& folder_;
  std::string part_;
  std::string lines_;
  std::size_t num_items_ = 0;
};

}  // namespace

void write_vlguard_files(WorldFolder& folder, const WorldSettings& settings) {
  Random random(settings.seed, "vlguard train");
  VlguardFile train(folder, "train");
  for (std::size_t i = 0; i < settings.sizes.safety_images; ++i) {
    const bool safe = random.chance(kSafetySafeImage);
    const bool written = !safe && random.chance(kSafetyWritten);
    train.add(safety_image(random, safe, written, kSafetyPhrasings));
  }
  train.finish();
  // Written words are FigStep's; here, as in VLGuard, an unsafe image shows its matter.
  Random test_random(settings.seed, "vlguard test");
  VlguardFile test(folder, "test");
  for (std::size_t i = 0; i < 2 * settings.sizes.vlguard_test; ++i) {
    test.add(safety_image(test_random, i % 2 == 0, false, 3));
  }
  test.finish();
}

}  // namespace vlsweep
