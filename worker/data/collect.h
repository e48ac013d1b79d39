// Gathers what a reader finds in one file: good samples with unique ids, bad items by their place.
//
// One owner, one thread.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "orchestrator/base/result.h"
#include "worker/data/read.h"

namespace vlsweep {

class Collector {
 public:
  // The second sample of an id becomes "id~2": VLGuard's train.json has such a pair.
  void add(Sample sample);
  void add(std::vector<Sample> samples);
  void refuse(std::string id_or_place, std::string reason);
  // Errors: invalid when there is no sample at all; it quotes the first bad item.
  Result<Dataset> finish(const DataSource& source) &&;

 private:
  Dataset dataset_;
  std::unordered_map<std::string, std::size_t> seen_;
};

}  // namespace vlsweep
