// The level of suspicion, phi: how unlikely it is that an endpoint which beats as it has so far is
// still to be heard from after this silence, as minus the logarithm to base 10 (Hayashibara et al.,
// "The phi accrual failure detector", SRDS 2004): 1 is wrong once in ten times, 8 once in a hundred
// million. Called by anybody who has a record or a profile; pure. Gaps count as normal, in the
// logistic approximation by which other implementations reckon too, so that thresholds mean the
// same. Cost: an exponential and a logarithm; the quantile a dozen of steps, once for each profile.
#pragma once

#include <flatline/profile.h>
#include <flatline/record.h>
#include <flatline/time.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace flatline {

// So many deviations beyond the mean are exceeded with odds of exp(-GaussianExponent).
constexpr double GaussianExponent(double deviations) noexcept {
  return deviations * (1.5976 + 0.070566 * deviations * deviations);
}

// Where phi reaches a level, in deviations beyond the mean: GaussianExponent is monotone, and one
// that is bracketed can be halved.
inline double PhiQuantile(double level) noexcept {
  const double exponent = std::log(std::pow(10.0, level) - 1);
  const double wanted = std::isfinite(exponent) ? exponent : level * std::numbers::ln10;
  double below = -100;
  double above = 100;
  for (int step = 0; step < 64; ++step) {
    const double middle = (below + above) / 2;
    (GaussianExponent(middle) < wanted ? below : above) = middle;
  }
  return above;
}

// Of a silence `elapsed` after gaps of this mean and deviation, all in one unit; deviation above 0.
inline double Phi(double elapsed, double mean, double deviation) noexcept {
  const double exponent = GaussianExponent((elapsed - mean) / deviation);
  // log10(1 + e^x), which for large x is x in other digits
  return exponent > 700 ? exponent / std::numbers::ln10
                        : std::log1p(std::exp(exponent)) / std::numbers::ln10;
}

// By what the level of an endpoint rises, in nanoseconds: silence counts from `expected` on, in
// deviations.
struct SuspicionScale {
  double expected = 0;   // mean gap, and the pause that is accepted
  double deviation = 1;  // of the gaps; above 0
};

// Of an endpoint with this history, whatever detector judges it; before there is one, as if it beat
// as its profile promises, give or take a quarter.
inline SuspicionScale ScaleOf(const Profile& profile, const Arrival& arrival) noexcept {
  const double unit = static_cast<double>(kStampUnit.count());
  const Duration pause = profile.detector == DetectorKind::kPhi ? profile.allowance : Duration{0};
  const double promised = static_cast<double>(profile.interval.count()) / unit;
  const double floor = static_cast<double>(profile.least_deviation.count()) / unit;
  const double least = std::max(arrival.count == 0 ? promised / 4 : floor, 1.0);
  const double deviation = std::sqrt(static_cast<double>(arrival.variance));
  const double mean = arrival.count == 0 ? promised : static_cast<double>(arrival.interval);
  return {.expected = static_cast<double>(pause.count()) + mean * unit,
          .deviation = (deviation > least ? deviation : least) * unit};
}

// The silence at which a level is reached, by its quantile.
constexpr double SilenceAt(const SuspicionScale& scale, double quantile) noexcept {
  return scale.expected + quantile * scale.deviation;
}

// In a phi profile it reaches the threshold when the deadline passes, unless the deadline is held
// within its bounds (flatline/detectors.h).
inline double SuspicionLevel(const Profile& profile,
                             const Arrival& arrival,
                             Duration silence) noexcept {
  const SuspicionScale scale = ScaleOf(profile, arrival);
  return Phi(static_cast<double>(silence.count()), scale.expected, scale.deviation);
}

}  // namespace flatline
