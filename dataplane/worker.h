// One worker: everything that a poll core does, one turn at a time. dpdk/ owns the loop around it
// (the clock, the idle policy, the pinning); the simulation calls the same turns with invented
// time. One thread per worker. Neither sleeps, reads a clock, allocates, locks nor throws in a
// turn. A turn is bounded: so many bursts a queue, so many blocks of the wheel, so many commands.
#pragma once

#include "dataplane/attachment.h"

#include <flatline/time.h>

#include <cstdint>

namespace flatline {

// What the idle policy wants to know of a turn.
struct TurnOutcome {
  std::uint32_t frames = 0;  // received
  bool more = false;         // work was left for the next turn: do not sleep
};

class Worker {
 public:
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // One turn, as of `now`: read just before the call, by the same clock in all workers, never
  // going back. Time from one call to the next beyond EngineOptions::stall counts as blind, so an
  // idle loop sleeps less than that.
  TurnOutcome Turn(Instant now) noexcept;

 private:
  friend class Engine;
  Worker() noexcept;
};

}  // namespace flatline
