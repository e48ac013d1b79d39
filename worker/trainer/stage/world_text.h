// Reads the parts of a micro-world's folder that pretraining alone uses: text items and labelled
// images, one JSON object a line. Free functions; safe from any thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

struct TextItem {
  std::string prompt, answer;
};
// An image and the words of its cells in raster order: "red-dot" (a glyph), "v" (a letter),
// "blank".
struct LabelledImage {
  std::filesystem::path image;
  std::vector<std::string> words;
};

// Errors name file and line.
Result<std::vector<TextItem>> read_text_items(const std::filesystem::path& path);
// Image paths are relative to the file's folder.
Result<std::vector<LabelledImage>> read_labelled_images(const std::filesystem::path& path);

}  // namespace vlsweep
