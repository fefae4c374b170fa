// The time during which somebody was deaf, as a set of disjoint intervals, so that reports which
// overlap (two workers stopped by one SIGSTOP, a stall inside a dead link) count once, in whatever
// order they come. Used by the hearing clock only. Holds the latest kIntervals intervals; a report
// that reaches behind the oldest may count again, which errs on the side of waiting. Cost: linear
// in the few intervals that are held.
#pragma once

#include <flatline/time.h>

#include <array>
#include <cstddef>

namespace flatline {

class BlindIntervals {
 public:
  static constexpr std::size_t kIntervals = 64;

  // What a report added to the set: how much, and the ends of what is new.
  struct Added {
    Duration length{};
    Instant from{};
    Instant to{};
  };

  Added Add(Instant from, Instant to) noexcept;

 private:
  struct Interval {
    Instant from{};
    Instant to{};
  };

  void Replace(std::size_t first, std::size_t last, const Interval& merged) noexcept;

  std::array<Interval, kIntervals> intervals_{};  // disjoint, not touching, oldest first
  std::size_t count_ = 0;
};

}  // namespace flatline
