// When each of a few agents beats next: every interval, with jitter, their phases spread over the
// first interval, so that a fleet does not speak in one burst. Used by `flatline agent`, one
// thread. Pure: `now` is an argument, and the seed gives the same schedule again. Cost: logarithmic
// in the number of agents for each beat, 16 bytes for each agent.
#pragma once

#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <random>
#include <vector>

namespace flatline::cli {

struct BeatTiming {
  Duration interval{1'000'000'000};
  double jitter = 0.1;  // at most this part of the interval earlier or later, evenly spread
  std::uint64_t seed = 0;
};

class BeatSchedule {
 public:
  BeatSchedule(std::size_t agents, const BeatTiming& timing, Instant now);

  // An agent whose beat is due, and the next one of it is planned; nothing where none is due. An
  // agent that is late by more than an interval goes on from `now`: what it missed is not made up.
  [[nodiscard]] std::optional<std::size_t> TakeDue(Instant now);

  // When the next beat is due.
  [[nodiscard]] Instant next() const { return beats_.top().due; }

 private:
  struct Beat {
    Instant due;
    std::size_t agent;

    bool operator<(const Beat& other) const { return due > other.due; }  // the soonest on top
  };

  Duration Interval();

  BeatTiming timing_;
  std::mt19937_64 random_;
  std::priority_queue<Beat> beats_;
};

}  // namespace flatline::cli
