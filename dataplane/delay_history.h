// How the way of an endpoint's heartbeats changes, by the clock of the sender: the least transit of
// late, the jitter about it, and by how much a heartbeat came later than it need have. Called by
// the owner for heartbeats that carry a payload, and when a silence ends. Pure; constant time.
//
// What it cannot tell: the delay itself (the clocks' offset is unknown, only changes of the sum are
// seen); whether a change is the way's or the clock's, if that was set. A clock is taken to drift
// by no more than 500 ppm, which is as fast as kernels slew theirs: the least transit is raised by
// as much as time goes by, so that a lateness is never made of drift, and is told too small by
// at most so much.
#pragma once

#include <flatline/payload.h>
#include <flatline/time.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

namespace flatline {

inline constexpr std::int64_t kMostDrift = 2000;  // a clock drifts by one part in so many

// Differences of instants of strangers: they wrap.
constexpr std::int64_t WrappingDifference(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

// The least transit of `known` as it may have become at `heard_ns` by drift alone.
constexpr std::int64_t LeastTransitAt(const Payload& known, std::int64_t heard_ns) noexcept {
  const std::int64_t passed =
      std::max(std::int64_t{0}, WrappingDifference(heard_ns, known.heard_ns));
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(known.least_transit_ns) +
                                   static_cast<std::uint64_t>(passed / kMostDrift));
}

// A later heartbeat was sent later, unless the clock was set back in between.
constexpr bool HasHistoryFor(const Payload& known, std::uint64_t sent_ns) noexcept {
  return known.timed != 0 && sent_ns != 0 && sent_ns >= known.sent_ns;
}

// By how much a heartbeat, sent and heard so, came later than the quickest of late would have. None
// where that cannot be known, or where it was the quickest itself.
constexpr std::optional<Duration> LatenessOf(const Payload& known,
                                             std::uint64_t sent_ns,
                                             Instant heard) noexcept {
  const std::int64_t heard_ns = heard.time_since_epoch().count();
  if (!HasHistoryFor(known, sent_ns)) {
    return std::nullopt;
  }
  const auto transit = static_cast<std::int64_t>(static_cast<std::uint64_t>(heard_ns) - sent_ns);
  const std::int64_t late = WrappingDifference(transit, LeastTransitAt(known, heard_ns));
  return late > 0 ? std::optional(Duration{late}) : std::nullopt;
}

// Gives the latest payload the history that `known`, the one before it, had, with its own transit
// in it. A clock that was set back begins the history anew.
constexpr void ContinueHistory(const Payload& known, Payload& latest) noexcept {
  if (latest.sent_ns == 0) {
    latest.least_transit_ns = 0;
    latest.jitter_ns = 0;
    latest.timed = 0;
    return;
  }
  const std::int64_t transit = latest.transit_ns();
  if (!HasHistoryFor(known, latest.sent_ns)) {
    latest.least_transit_ns = transit;
    latest.jitter_ns = 0;
    latest.timed = 1;
    return;
  }
  const std::int64_t above = WrappingDifference(transit, LeastTransitAt(known, latest.heard_ns));
  latest.least_transit_ns = above < 0 ? transit : LeastTransitAt(known, latest.heard_ns);
  constexpr std::int64_t kMostJitter = std::numeric_limits<std::uint32_t>::max();
  const std::int64_t change = WrappingDifference(transit, known.transit_ns());
  const std::int64_t size =
      change < -kMostJitter ? kMostJitter : std::min(change < 0 ? -change : change, kMostJitter);
  const std::int64_t jitter = known.jitter_ns + (size - std::int64_t{known.jitter_ns}) / 16;
  latest.jitter_ns = static_cast<std::uint32_t>(jitter);
  latest.timed = static_cast<std::uint8_t>(std::min(known.timed + 1, 255));
}

}  // namespace flatline
