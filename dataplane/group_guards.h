// The guards of groups: hold the verdict `dead` for the members of one group, as the guard over the
// fleet does for all (fleet_guard.h), by the group's own numbers or by order. A worker that is
// about to call a member dead asks the stance; where the numbers are beyond the share it asks the
// leader to judge, and looks again in the next turn. The leader alone begins and ends, in its turn
// and about once a millisecond; its state is in the region, so that a successor goes on with it.
// Nothing of it is on a heartbeat's path. Bounds: kMostGroupGuards groups that are held, under an
// order, or have just been eased; where there is no room for another, its verdicts pass. Cost: two
// loads a verdict where no group has a guard, else a few lines.
#pragma once

#include "dataplane/fleet_guard.h"
#include "dataplane/group_silence.h"
#include "dataplane/spsc_ring.h"
#include "dataplane/tally.h"

#include <flatline/guard.h>
#include <flatline/region.h>
#include <flatline/time.h>
#include <flatline/transition_ring.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace flatline {

// What a worker is to do about a member that is to be dead.
struct GroupStance {
  bool holds = false;
  bool passes = false;                    // whatever the numbers say
  std::optional<HearingInstant> eased{};  // since when it no longer holds, if many came back
};

class GroupGuards {
 public:
  static constexpr std::size_t kRequests = 1024;  // of one worker, on their way

  // Goes on with what the region says. `silence` null: no group is counted, and only orders hold.
  GroupGuards(const RegionView& region, const GroupSilence* silence);

  // Any worker, about a member of a group. False: no group has a guard, nor may get one.
  [[nodiscard]] bool watches() const noexcept {
    return settings_.share_ppm != 0 || in_use_.load(std::memory_order_relaxed) != 0;
  }

  [[nodiscard]] GroupStance StanceOf(Group group) const noexcept;

  // Any worker: whether the verdict has to wait for the leader, who is then asked.
  [[nodiscard]] bool MustAsk(unsigned worker, Group group, Instant now) noexcept;

  // The leader, where an order is for a group. False: there is no room.
  [[nodiscard]] bool Order(Group group, std::uint64_t order, Instant now) noexcept;

  // The leader, once a turn.
  void Turn(Instant now, HearingInstant horizon, TransitionProducer& ring, Tally& tally) noexcept;

 private:
  static constexpr Duration kPeriod{1'000'000};
  static constexpr std::size_t kProbes = 16;  // places that a group may have

  struct Moment {
    Instant now{};
    HearingInstant horizon{};
    TransitionProducer* ring = nullptr;
    Tally* tally = nullptr;
  };

  [[nodiscard]] std::size_t FirstPlaceOf(Group group) const noexcept;
  [[nodiscard]] std::optional<std::size_t> PlaceOf(Group group) const noexcept;
  [[nodiscard]] std::optional<std::size_t> Claim(Group group) noexcept;
  void Judge(std::size_t place, const Moment& moment) noexcept;
  [[nodiscard]] bool IsIdle(const GuardState& state, const Moment& moment) const noexcept;
  [[nodiscard]] bool IsBeyond(Group group, Instant now) const noexcept;

  GuardSettings settings_;  // of groups
  const GroupSilence* silence_;
  std::uint64_t key_;
  std::span<GuardState, kMostGroupGuards> states_;
  std::vector<FleetGuard> guards_;  // one for each
  std::vector<std::unique_ptr<SpscRing<Group>>> requests_;
  std::atomic<std::uint32_t> in_use_{0};
  std::atomic<bool> is_full_{false};  // a group was refused a place, and none has come free since
  Duration longest_reprieve_{};
  Instant next_{};
};

}  // namespace flatline
