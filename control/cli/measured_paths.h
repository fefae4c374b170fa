// What the ways to the endpoints do to heartbeats, measured for a while: of each profile that has a
// contract some endpoints are followed heartbeat by heartbeat (control/contracts/path_sample.h).
// Used by `flatline contract`. Reads the region; clock and sleep are the caller's. Bounds: kSample
// endpoints a profile. Cost: a pass over the table, then eight looks at each of them an interval.
#pragma once

#include "control/contracts/path_sample.h"

#include <flatline/config.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <array>
#include <cstddef>
#include <functional>

namespace flatline::cli {

struct MeasuredPath {
  LossCounts losses;
  BeatFindings beats;

  // As the worst of a hundred endpoints but one has it, and no less loss than there may be.
  [[nodiscard]] Path Cautious() const {
    return {.loss = losses.most_loss(), .jitter = beats.worst_jitter};
  }

  // As half of them have it, or a better one.
  [[nodiscard]] Path Usual() const { return {.loss = losses.loss(), .jitter = beats.jitter}; }
};

inline constexpr std::size_t kSample = 4'096;

// Waits so long, and says what time it is then.
using Pause = std::function<Instant(Duration)>;

[[nodiscard]] std::array<MeasuredPath, kMaxProfiles> MeasurePaths(const RegionView& region,
                                                                  const Config& config,
                                                                  Duration during,
                                                                  const Pause& pause);

}  // namespace flatline::cli
