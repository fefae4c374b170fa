#include "control/cli/beat_schedule.h"

#include <flatline/check.h>

#include <algorithm>

namespace flatline::cli {

BeatSchedule::BeatSchedule(std::size_t agents, const BeatTiming& timing, Instant now)
    : timing_(timing), random_(timing.seed) {
  FLATLINE_CHECK(agents > 0);
  const auto count = static_cast<Duration::rep>(agents);
  for (std::size_t agent = 0; agent < agents; ++agent) {
    const Duration phase = timing.interval * static_cast<Duration::rep>(agent) / count;
    beats_.push({.due = now + phase, .agent = agent});
  }
}

std::optional<std::size_t> BeatSchedule::TakeDue(Instant now) {
  const Beat beat = beats_.top();
  if (beat.due > now) {
    return std::nullopt;
  }
  const bool too_late = now - beat.due > timing_.interval;
  beats_.pop();
  beats_.push({.due = (too_late ? now : beat.due) + Interval(), .agent = beat.agent});
  return beat.agent;
}

Duration BeatSchedule::Interval() {
  std::uniform_real_distribution<double> factor{1 - timing_.jitter, 1 + timing_.jitter};
  const auto interval = static_cast<double>(timing_.interval.count()) * factor(random_);
  return std::max(Duration{1}, Duration{static_cast<Duration::rep>(interval)});
}

}  // namespace flatline::cli
