// Reads the data sets of the field, as their authors publish them, into samples:
//
//   format    parts (an empty part is the first)      annotations        images
//   llava     all, text-only, with-image              a JSON array       folder of the image names
//   vlguard   train, safe-safe, safe-unsafe, unsafe   train/test.json    train/ or test/
//   advbench  all                                     goal,target csv    -
//   xstest    all, safe, unsafe                       prompts csv        -
//   figstep   all                                     safebench.csv      folder of SafeBench/
//
// A bad item (wrong type, missing image, path that leaves the folder) is collected, by place, and
// the rest is read. A file that is not the format at all is one error that names file and line.
//
// Free functions: safe from any thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/data/sample.h"

namespace vlsweep {

struct DataSource {
  std::string format;
  std::string part;
  std::filesystem::path annotations;
  std::filesystem::path images;  // empty: the folder that holds the annotations
};

struct BadSample {
  std::string id_or_place;  // the item's id where it has one, with "item 12, line 340"
  std::string reason;

  bool operator==(const BadSample&) const = default;
};

struct Dataset {
  std::vector<Sample> samples;  // in the order of the file
  std::vector<BadSample> bad;   // in the order of the file, at most kMaxBadListed of them
  std::size_t num_bad = 0;      // all bad ones, listed or not
};

inline constexpr std::size_t kMaxBadListed = 1000;

// Errors: not_found (no such file or images folder), invalid (unknown format or part, not the
// format, larger than the bounds, or not one good item in the whole file).
//
// `train` of vlguard gives one sample for an unsafe image and two for a safe one, each one turn
// with the image: both pairs are then learned in the form in which they are evaluated. VLGuard's
// converter joins the two into one conversation, in a shuffled order.
Result<Dataset> read_dataset(const DataSource& source);

// The formats above, for messages: "advbench, figstep, llava, vlguard, xstest".
std::string known_formats();

}  // namespace vlsweep
