// What the page and `vlsweep status --json` show of a run, as JSON: rows of storage turned into
// text. Rates are fractions, times are seconds since 1970.
//
// Free functions over a RunReader, which belongs to the calling thread.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "storage/run_reader.h"

namespace vlsweep {

// The state of a run: run, counts, kinds, trials, sharing, ranks, events, trouble, elapsed_s,
// eta_s. Without num_events nothing is asked of the events.
Result<nlohmann::json> run_state(RunReader& reader, std::uint64_t num_events);

// A page of trials: total, parameters (names), metrics (names), rows.
Result<nlohmann::json> trials_page(RunReader& reader, const TrialQuery& query);

// Loss curves of tuning stages: those that run, then the last finished; at most `most`.
Result<nlohmann::json> loss_curves(RunReader& reader, std::size_t most);

}  // namespace vlsweep
