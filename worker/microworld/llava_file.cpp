#include "worker/microworld/llava_file.h"

namespace vlsweep {

using nlohmann::ordered_json;

void LlavaFile::add(const Item& item, const std::string& id, const std::string& image) {
  ordered_json entry = {{"id", id}};
  if (item.picture) {
    folder_.add_image(images_ + image, *item.picture);
    entry["image"] = image;
  }
  const std::string question = (item.picture ? "<image>\n" : "") + item.prompt;
  entry["conversations"] = {{{"from", "human"}, {"value", question}},
                            {{"from", "gpt"}, {"value", item.answer}}};
  lines_ += (num_items_++ == 0 ? "[\n" : ",\n") + entry.dump();
}

void LlavaFile::finish() { folder_.add_file(name_, lines_ + "\n]\n", num_items_); }

}  // namespace vlsweep
