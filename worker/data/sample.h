// One example of a data set, whatever file it came from: what a reader gives and what training and
// evaluation take.
//
// A plain value: no thread may share one while another changes it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace vlsweep {

// One exchange of a conversation. `user` never holds the <image> marker: a sample with an image
// shows it at the start of its first turn, and the prompt template writes the marker there.
struct Turn {
  std::string user;
  std::string assistant;  // empty in sets that only ask (AdvBench, XSTest, FigStep)

  bool operator==(const Turn&) const = default;
};

struct Sample {
  std::string id;               // unique within its data set
  std::filesystem::path image;  // a file that was there when the set was read; empty: text only
  std::vector<Turn> turns;      // at least one
  std::string category;     // VLGuard's harmful_category, XSTest's type, FigStep's category_name
  std::string subcategory;  // VLGuard's harmful_subcategory, XSTest's focus
  std::string target;       // the expected answer to turns[0]; empty: the set names none

  bool operator==(const Sample&) const = default;
};

}  // namespace vlsweep
