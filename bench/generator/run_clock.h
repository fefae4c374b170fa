// The run's clock: CLOCK_MONOTONIC since the run began, and the wall clock of that beginning. Read
// by the loops of run and of the judge's thread only; everything else is told the time. Assumes
// that the other processes are on this host. Cost: one vDSO call.
#pragma once

#include "bench/generator/fleet.h"

#include <cstdint>

namespace flatline::generator {

class RunClock {
 public:
  // The run begins after `lead`: until then, Now is negative.
  explicit RunClock(Duration lead) noexcept;

  [[nodiscard]] Elapsed Now() const noexcept;

  // Wall clock at Now() = 0, ns since the epoch, as of the construction.
  [[nodiscard]] std::int64_t epoch_ns() const noexcept { return epoch_ns_; }

  // A wall-clock instant, in nanoseconds since the epoch, on the run's timeline.
  [[nodiscard]] Elapsed OfWall(std::int64_t wall_ns) const noexcept {
    return Elapsed{wall_ns - epoch_ns_};
  }

  // How far the wall clock has moved against the monotonic one since: what a conversion may be
  // wrong by.
  [[nodiscard]] Duration Drift() const noexcept;

  // Sleeps until an instant; returns at once where that is past.
  void SleepUntil(Elapsed at) const noexcept;

 private:
  std::int64_t start_ns_;  // CLOCK_MONOTONIC
  std::int64_t epoch_ns_;
};

}  // namespace flatline::generator
