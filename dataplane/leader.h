// What worker 0 does for all workers each turn: takes the reports of blindness, moves the horizon
// to what the slowest worker has heard, publishes both in the region's header, and puts blind
// intervals on the stream; and asks the guard, before it clears an instant for verdicts. Lives on
// worker 0's core. Assumes that a worker publishes its drained_ns after its report of what came
// before, which is why drained_ns is read first here. No lock, no allocation. Cost: one cache line
// per worker and port.
#pragma once

#include "dataplane/blindness.h"
#include "dataplane/fleet_guard.h"
#include "dataplane/group_guards.h"
#include "dataplane/hearing_clock.h"
#include "dataplane/port_watch.h"
#include "dataplane/tally.h"

#include <flatline/region.h>
#include <flatline/time.h>
#include <flatline/transition_ring.h>

#include <atomic>
#include <memory>
#include <vector>

namespace flatline {

// Whom it leads, and whom it tells.
struct LeaderWiring {
  std::vector<BlindReports*> reports;  // of the workers, by worker
  PortWatch* ports = nullptr;
  TransitionProducer* ring = nullptr;  // worker 0's
  GroupGuards* group_guards = nullptr;
  // Instant at which the latest blindness in the region's blind_total was over. Who sees that sees
  // this, or a later one.
  std::atomic<std::int64_t>* blind_until_ns = nullptr;
};

class Leader {
 public:
  Leader(const RegionView& region, LeaderWiring wiring, const HearingClock& clock) noexcept;

  void Turn(Instant now, Tally& tally) noexcept;

 private:
  [[nodiscard]] Hearing SlowestWorker() const noexcept;
  void TakeReports(Instant now) noexcept;
  void Guard(Instant now, Tally& tally) noexcept;
  void Publish() noexcept;
  void Announce(Tally& tally) noexcept;

  RegionView region_;
  LeaderWiring wiring_;
  HearingClock clock_;
  Duration remembered_{-1};  // the blind total of the deafnesses in the header
  FleetGuard guard_;
};

}  // namespace flatline
