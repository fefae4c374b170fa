// The guard over the whole fleet, or over a group (flatline/guard.h): begins to hold verdicts back
// when the share of the silent is too large, leaves when it is low again, when its time is over, or
// on an order. Called by the leader once a turn, which publishes what it says before it clears
// another instant for verdicts. Pure, with `now` as an argument; its state is in the region, so
// that a successor goes on with it. Cost: a few comparisons.
//
//            share reached, or an order              share low: the rest is given a reprieve
//   passes ------------------------------> holds ---------------------------------> passes
//                                            | time over: passes until the share has been low
#pragma once

#include "dataplane/group_silence.h"

#include <flatline/guard.h>
#include <flatline/time.h>
#include <flatline/transition.h>

#include <cstdint>
#include <optional>

namespace flatline {

class FleetGuard {
 public:
  FleetGuard(const GuardSettings& settings, GuardState& state) noexcept
      : settings_(settings), state_(&state) {}

  // `horizon` is what the counts are as of.
  void Judge(const SilenceCounts& counts, Instant now, HearingInstant horizon) noexcept;

  [[nodiscard]] bool holds() const noexcept {
    return state_->holds_since_ns.load(std::memory_order_relaxed) != 0;
  }

  // What is to be told, or null. One that took itself back before it could be told is not.
  [[nodiscard]] const Transition* Announcement() const noexcept {
    return untold_ ? &*untold_ : nullptr;
  }

  void PopAnnouncement() noexcept { untold_.reset(); }

  // At adoption: a state of times that have not been yet is none.
  static void Mend(GuardState& state, Instant now) noexcept;

  // What was ordered, for as long as it was.
  [[nodiscard]] static GuardMode OrderedMode(const GuardSettings& settings,
                                             const GuardState& state,
                                             Instant now) noexcept;

 private:
  [[nodiscard]] Group group() const noexcept {
    return state_->group.load(std::memory_order_relaxed);
  }

  [[nodiscard]] GroupCause CauseOfShare() const noexcept {
    return group() == kNoGroup ? GroupCause::kFleet : GroupCause::kSharedDomain;
  }

  void Begin(GroupCause cause, const SilenceCounts& counts, Instant now) noexcept;
  void End(GroupCause cause, const SilenceCounts& counts, Instant now) noexcept;
  void Announce(const Transition& transition) noexcept;

  GuardSettings settings_;
  GuardState* state_;
  std::optional<Transition> untold_;
};

}  // namespace flatline
