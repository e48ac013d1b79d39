// Intervals for rates and means (method: query/README.md). Reference: scipy.stats; tests hold them
// to 1e-9.
//
// Free functions, safe from any thread.
#pragma once

#include <cstdint>
#include <span>

namespace vlsweep {

struct Interval {
  double low = 0;
  double high = 0;
};

// The value below which a standard normal variable lies with probability p, 0 < p < 1.
double normal_quantile(double p);

// The same for Student's t with this many degrees of freedom (> 0).
double student_quantile(double p, double degrees);

// Wilson's score interval for a rate `p` seen in n trials (n > 0, need not be whole).
Interval wilson_interval(double p, double n, double confidence);

double mean(std::span<const double> values);

// mean +- t * s / sqrt(m); for at least two values.
Interval student_interval(std::span<const double> values, double confidence);

// A rate over m trials of which each judged n responses, the same ones: from the least to the
// greatest of the t-interval over the trials' rates and of Wilson's interval of the mean rate at n.
// So it is never narrower than what the responses alone leave open, nor than what the seeds do.
Interval rate_interval_over_trials(std::span<const double> rates, double n, double confidence);

}  // namespace vlsweep
