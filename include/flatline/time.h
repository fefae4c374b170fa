// The three timelines of flatline, as types that do not mix, and the stamp that records keep.
// Used everywhere; nothing here reads a clock: `now` is an argument.
// Bounds: a stamp wraps after 2^48 ns (78 hours), so two stamps compare within 39 hours of each
// other. Cost: shifts and additions.
#pragma once

#include <chrono>
#include <cstdint>

namespace flatline {

using Duration = std::chrono::nanoseconds;

// CLOCK_MONOTONIC of the host: the same in every process, from boot to boot.
struct MonotonicTimeline {};

using Instant = std::chrono::time_point<MonotonicTimeline, Duration>;

// Monotonic time less the time during which the detector could not hear: it stands still while we
// are blind, so silence measured on it is silence that we were there to notice.
struct HearingTimeline {};

using HearingInstant = std::chrono::time_point<HearingTimeline, Duration>;

// Nanoseconds since the epoch, for people and for other machines.
struct WallTimeline {};

using WallInstant = std::chrono::time_point<WallTimeline, Duration>;

// A hearing instant in units of 2^16 ns (65.536 µs), modulo 2^32. Rounded up, so that a deadline
// computed from a stamp is never earlier than the true one.
using Stamp = std::uint32_t;

inline constexpr int kStampShift = 16;
inline constexpr Duration kStampUnit{std::int64_t{1} << kStampShift};

constexpr Stamp StampOf(HearingInstant at) noexcept {
  return static_cast<Stamp>((at.time_since_epoch().count() + kStampUnit.count() - 1) >>
                            kStampShift);
}

// How many stamp units a duration takes, rounded up.
constexpr std::uint32_t StampUnits(Duration d) noexcept {
  return static_cast<std::uint32_t>((d.count() + kStampUnit.count() - 1) >> kStampShift);
}

// `a - b` on the circle: negative where a is the earlier.
constexpr std::int32_t StampDifference(Stamp a, Stamp b) noexcept {
  return static_cast<std::int32_t>(a - b);
}

// The hearing instant nearest to `near` that carries this stamp.
constexpr HearingInstant HearingInstantOf(Stamp stamp, HearingInstant near) noexcept {
  const std::int32_t ahead = StampDifference(stamp, StampOf(near));
  const std::int64_t near_units =
      (near.time_since_epoch().count() + kStampUnit.count() - 1) >> kStampShift;
  return HearingInstant{Duration{(near_units + ahead) * kStampUnit.count()}};
}

static_assert(StampOf(HearingInstant{Duration{1}}) == 1, "rounds up");
static_assert(StampOf(HearingInstant{kStampUnit}) == 1, "exact units stay");
static_assert(StampDifference(1, 0xFFFFFFFFU) == 2, "wraps");

}  // namespace flatline
