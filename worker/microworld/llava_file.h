// A LLaVA file in the making: [{"id", "image"?, "conversations": [human, gpt]}], an item a line.
//
// One owner, one thread.
#pragma once

#include <cstddef>
#include <string>

#include "worker/microworld/item.h"
#include "worker/microworld/world_folder.h"

namespace vlsweep {

class LlavaFile {
 public:
  // `images`: the folder, with a slash, below which image names lie; "" is the world's own.
  LlavaFile(WorldFolder& folder, std::string name, std::string images)
      : folder_(folder), name_(std::move(name)), images_(std::move(images)) {}

  // `image` is the name to give the picture; unused where the item has none.
  void add(const Item& item, const std::string& id, const std::string& image);
  void finish();

 private:
  WorldFolder& folder_;
  std::string name_;
  std::string images_;
  std::string lines_;
  std::size_t num_items_ = 0;
};

}  // namespace vlsweep
