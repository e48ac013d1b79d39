// Which samples of a data source a stage trains on. Free functions; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "orchestrator/base/result.h"

namespace vlsweep {

// The first `count` (empty: all) of a permutation of 0 .. size-1 that hangs on (seed, name) and
// size alone. So of one source and seed a smaller count selects a subset of a larger one: 5 % of
// the safety data is within 10 % of it, and a dose-response curve adds samples, never swaps them.
// invalid: the source has fewer than `count` samples.
Result<std::vector<std::int64_t>> select_samples(std::size_t size,
                                                 std::optional<std::int64_t> count,
                                                 std::uint64_t seed, std::string_view name);

}  // namespace vlsweep
