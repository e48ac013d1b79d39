#include "worker/data/collect.h"

#include <utility>

namespace vlsweep {

void Collector::add(Sample sample) {
  const std::size_t times = ++seen_[sample.id];
  if (times > 1) sample.id += "~" + std::to_string(times);
  dataset_.samples.push_back(std::move(sample));
}

void Collector::add(std::vector<Sample> samples) {
  for (Sample& sample : samples) add(std::move(sample));
}

void Collector::refuse(std::string id_or_place, std::string reason) {
  if (dataset_.num_bad++ < kMaxBadListed) {
    dataset_.bad.push_back({std::move(id_or_place), std::move(reason)});
  }
}

Result<Dataset> Collector::finish(const DataSource& source) && {
  if (!dataset_.samples.empty()) return std::move(dataset_);
  const std::string kind = source.format + " sample of part '" + source.part + "'";
  if (dataset_.bad.empty()) {
    return fail(Errc::invalid, "holds no " + kind, source.annotations.string());
  }
  const BadSample& first = dataset_.bad.front();
  return fail(Errc::invalid,
              "holds no readable " + kind + " (" + std::to_string(dataset_.num_bad) +
                  " bad; the first, " + first.id_or_place + ": " + first.reason + ")",
              source.annotations.string());
}

}  // namespace vlsweep
