// When each heartbeat of one cohort is due: round after round in the order of phases, each late by
// its own jitter. Called by the traffic loop; `elapsed` must not go back. No state per endpoint:
// the round is walked by position, and a heartbeat that jitter moves behind its neighbours waits in
// a calendar of ticks (8 bytes each, for as many as fall due within one jitter). No allocation once
// the calendar has grown to that. Cost: one draw and one copy a heartbeat.
//
//   Round 0 goes through the cohort in a shuffled order (so that the slots of the detector's table
//   are not handed out in the order in which later heartbeats come), rounds 1, 2, … in the order
//   of phases: the endpoint at position p is due at round × interval + (p + u) / n × interval.
//   Round 0 has no jitter, and is shuffled only where the timeout bears the longest first gap,
//   2 × interval + jitter. So an endpoint's heartbeats keep the order of their rounds.
#pragma once

#include "bench/generator/fleet.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace flatline::generator {

struct Beat {
  Index index = 0;
  std::uint32_t round = 0;
};

// Heartbeats are due by ticks: none is given out before the tick it falls in has ended, so none is
// early, and each is at most one tick late.
inline constexpr int kTickShift = 18;
inline constexpr Elapsed kTick{std::int64_t{1} << kTickShift};  // 262 µs

class Schedule {
 public:
  Schedule(const Fleet& fleet, std::size_t cohort);

  // When the endpoint's heartbeat of this round is due, jitter included: the definition which
  // Advance and Peek carry out. `position` is its place in the round.
  [[nodiscard]] Elapsed DueAt(std::uint32_t round, Index position) const noexcept;

  // The endpoint at a position of a round.
  [[nodiscard]] Index IndexAt(std::uint32_t round, Index position) const noexcept;

  // The oldest heartbeats due by `elapsed` and not yet taken, all of one tick; empty when there are
  // none. Valid until the next call.
  [[nodiscard]] std::span<const Beat> Due(Elapsed elapsed);

  // Takes the first `count` of what Due gave.
  void Take(std::size_t count) noexcept { taken_ += count; }

  // The end of the tick that Due's answer belongs to: what it gave could not be had earlier.
  [[nodiscard]] Elapsed due() const noexcept { return Elapsed{(tick_ + 1) << kTickShift}; }

 private:
  void Fill();  // brings everything that falls in `tick_` into its bucket
  [[nodiscard]] Elapsed NominalAt(std::uint32_t round, Index position) const noexcept;

  std::vector<Beat>& bucket(std::int64_t tick) noexcept {
    return calendar_[static_cast<std::size_t>(tick) & (calendar_.size() - 1)];
  }

  Cohort cohort_;
  Permutation shuffled_;
  bool shuffles_;
  std::uint64_t seed_;
  double spacing_;  // ns between two neighbours
  double offset_;   // u of the formula above × spacing
  std::uint32_t round_ = 0;
  Index position_ = 0;     // next to be put in the calendar
  std::int64_t tick_ = 0;  // whose bucket is being given out
  bool filled_ = false;    // that bucket is complete
  std::size_t taken_ = 0;  // of it
  std::vector<std::vector<Beat>> calendar_;
};

}  // namespace flatline::generator
