// The folder a world is written into: annotation files, images and the manifest that counts them.
//
// One owner, one thread. The first error is kept; after it nothing more is written.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "orchestrator/base/result.h"
#include "worker/microworld/picture.h"

namespace vlsweep {

class WorldFolder {
 public:
  explicit WorldFolder(std::filesystem::path root) : root_(std::move(root)) {}

  // An annotation file with its number of items, both named in the manifest.
  void add_file(const std::string& name, std::string_view bytes, std::size_t num_items);
  // An image, named relative to the root; its folder is made when it is the first there.
  void add_image(const std::string& name, const Picture& picture);
  // manifest.json, last: a folder with one is whole. `header` is what it begins with.
  Result<> finish(nlohmann::ordered_json header);

 private:
  Result<> write(const std::string& name, std::string_view bytes);

  std::filesystem::path root_;
  std::filesystem::path made_;  // the folder made last
  nlohmann::ordered_json files_ = nlohmann::ordered_json::object();
  std::string image_digests_;  // of the images in the order of writing
  std::size_t num_images_ = 0;
  Result<> status_;
};

}  // namespace vlsweep
