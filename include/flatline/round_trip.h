// A round trip in one byte, beside the address it was measured to: eight steps an octave from 1 µs
// to an hour, rounded up, so that whoever waits by it waits long enough. Written by the owner of an
// endpoint with each answer to a probe, read by the detector and the tools. Pure. Cost: a
// logarithm.
//
// A floor for timeouts has to hold for the longest trips of late, not for the mean: the byte rises
// at once to a longer one, and falls by one step (9 %) with each shorter one.
#pragma once

#include <flatline/time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace flatline {

inline constexpr int kRoundTripSteps = 8;  // to twice as much
inline constexpr std::uint8_t kLongestRoundTrip = 255;

// A silence shorter than so many round trips says nothing.
inline constexpr int kRoundTripsOfSilence = 10;

inline std::uint8_t CodeOfRoundTrip(Duration trip) noexcept {
  const double us = std::max(1.0, static_cast<double>(trip.count()) / 1e3);
  const double code = 1 + std::ceil(std::log2(us) * kRoundTripSteps - 1e-9);
  return static_cast<std::uint8_t>(std::min<double>(code, kLongestRoundTrip));
}

// Zero where none was measured.
inline Duration RoundTripOf(std::uint8_t code) noexcept {
  return code == 0 ? Duration{0}
                   : Duration{static_cast<std::int64_t>(
                         1e3 * std::exp2(static_cast<double>(code - 1) / kRoundTripSteps))};
}

// What is kept after one more measurement.
inline std::uint8_t NextRoundTrip(std::uint8_t kept, Duration trip) noexcept {
  const std::uint8_t code = CodeOfRoundTrip(trip);
  return kept <= code ? code : static_cast<std::uint8_t>(kept - 1);
}

}  // namespace flatline
