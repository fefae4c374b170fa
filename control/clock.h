// The only place in control that reads a clock: for the loops at the top of its threads, which hand
// the instant down.
#pragma once

#include <flatline/time.h>

#include <chrono>

namespace flatline {

inline Instant ReadMonotonic() {
  return Instant{
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

inline WallInstant ReadWall() {
  return WallInstant{
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch())};
}

}  // namespace flatline
