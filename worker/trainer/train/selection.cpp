#include "worker/trainer/train/selection.h"

#include <string>

#include "worker/trainer/train/random.h"

namespace vlsweep {

Result<std::vector<std::int64_t>> select_samples(std::size_t size,
                                                 std::optional<std::int64_t> count,
                                                 std::uint64_t seed, std::string_view name) {
  std::vector<std::int64_t> order = SplitMix64(seed, name).permutation(size);
  if (!count) return order;
  if (static_cast<std::size_t>(*count) > size)
    return fail(Errc::invalid, "data source " + std::string(name) + " has " + std::to_string(size) +
                                   " good samples, but " + std::to_string(*count) +
                                   " were asked for");
  order.resize(static_cast<std::size_t>(*count));
  return order;
}

}  // namespace vlsweep
