#include "dataplane/group_guards.h"

#include <algorithm>

namespace flatline {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// As the guard of the fleet understands them.
GuardSettings OfGroups(const GuardSettings& all) noexcept {
  GuardSettings out = all;
  out.share_ppm = all.group_share_ppm;
  out.least_endpoints = all.group_least;
  return out;
}

}  // namespace

GroupGuards::GroupGuards(const RegionView& region, const GroupSilence* silence)
    : settings_(OfGroups(region.header().guard)),
      silence_(silence),
      key_(region.header().hash_key),
      states_(region.dataplane().group_guards) {
  if (silence_ == nullptr) {
    settings_.share_ppm = 0;
  }
  for (const Profile& profile : region.header().profiles) {
    longest_reprieve_ = std::max({longest_reprieve_, profile.confirmation, profile.interval});
  }
  for (GuardState& state : states_) {
    guards_.emplace_back(settings_, state);
    in_use_.fetch_add(state.group.load(kRelaxed) != kNoGroup ? 1 : 0, kRelaxed);
  }
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    requests_.push_back(std::make_unique<SpscRing<Group>>(kRequests));
  }
}

std::size_t GroupGuards::FirstPlaceOf(Group group) const noexcept {
  return HashEndpoint(group, key_) % kMostGroupGuards;
}

// A place that came free may lie before it: all that it may have are looked at.
std::optional<std::size_t> GroupGuards::PlaceOf(Group group) const noexcept {
  for (std::size_t i = 0; i < kProbes; ++i) {
    const std::size_t place = (FirstPlaceOf(group) + i) % kMostGroupGuards;
    if (states_[place].group.load(std::memory_order_acquire) == group) {
      return place;
    }
  }
  return std::nullopt;
}

std::optional<std::size_t> GroupGuards::Claim(Group group) noexcept {
  if (const auto known = PlaceOf(group)) {
    return known;
  }
  for (std::size_t i = 0; i < kProbes; ++i) {
    const std::size_t place = (FirstPlaceOf(group) + i) % kMostGroupGuards;
    if (states_[place].group.load(kRelaxed) == kNoGroup) {
      states_[place].group.store(group, std::memory_order_release);
      in_use_.fetch_add(1, kRelaxed);
      return place;
    }
  }
  is_full_.store(true, kRelaxed);
  return std::nullopt;
}

GroupStance GroupGuards::StanceOf(Group group) const noexcept {
  GroupStance out;
  const auto place = in_use_.load(kRelaxed) != 0 ? PlaceOf(group) : std::nullopt;
  if (!place) {
    return out;
  }
  const GuardState& state = states_[*place];
  GuardOrder order;
  out.holds = state.holds_since_ns.load(kRelaxed) != 0;
  // An order that is over is taken back by the leader.
  const bool is_released =
      GuardOrder::Unpack(state.order.load(kRelaxed), order) && order.mode == GuardMode::kRelease;
  out.passes = !out.holds && (is_released || state.spent.load(kRelaxed) != 0);
  if (const std::int64_t eased_ns = state.eased_ns.load(kRelaxed); eased_ns != 0) {
    out.eased = HearingInstant{Duration{eased_ns}};
  }
  return out;
}

bool GroupGuards::IsBeyond(Group group, Instant now) const noexcept {
  if (settings_.share_ppm == 0) {
    return false;
  }
  const SilenceCounts counts = silence_->Of(group, now);
  return counts.watched >= settings_.least_endpoints &&
         counts.silent() * kWholeShare >= settings_.share_ppm * counts.watched;
}

bool GroupGuards::MustAsk(unsigned worker, Group group, Instant now) noexcept {
  if (!IsBeyond(group, now) || is_full_.load(kRelaxed)) {
    return false;
  }
  // Where the ring is full, the leader has others to judge first.
  static_cast<void>(requests_[worker]->TryPush(group));
  return true;
}

bool GroupGuards::Order(Group group, std::uint64_t order, Instant now) noexcept {
  const auto place = Claim(group);
  if (!place) {
    return false;
  }
  states_[*place].order.store(order, kRelaxed);
  states_[*place].order_ns.store(now.time_since_epoch().count(), std::memory_order_release);
  return true;
}

void GroupGuards::Turn(Instant now,
                       HearingInstant horizon,
                       TransitionProducer& ring,
                       Tally& tally) noexcept {
  const Moment moment{.now = now, .horizon = horizon, .ring = &ring, .tally = &tally};
  for (const auto& requests : requests_) {
    requests->Drain([&](Group group) {
      const bool is_known = PlaceOf(group).has_value();
      // Many of one group ask in one turn; the first has it judged.
      if (!is_known && IsBeyond(group, now)) {
        if (const auto place = Claim(group)) {
          Judge(*place, moment);
        }
      }
    });
  }
  if (in_use_.load(kRelaxed) == 0 || now < next_) {
    return;
  }
  next_ = now + kPeriod;
  for (std::size_t place = 0; place < kMostGroupGuards; ++place) {
    if (states_[place].group.load(kRelaxed) != kNoGroup) {
      Judge(place, moment);
    }
  }
}

void GroupGuards::Judge(std::size_t place, const Moment& moment) noexcept {
  GuardState& state = states_[place];
  FleetGuard& guard = guards_[place];
  const Group group = state.group.load(kRelaxed);
  const bool held = guard.holds();
  guard.Judge(silence_ == nullptr ? SilenceCounts{} : silence_->Of(group, moment.now),
              moment.now,
              moment.horizon);
  moment.tally->Add(Counter::kGroupGuardHolds, guard.holds() && !held ? 1 : 0);
  if (const Transition* const told = guard.Announcement()) {
    if (!moment.ring->TryPush(*told)) {
      moment.tally->Add(Counter::kRingFull);
      return;
    }
    moment.tally->Add(Counter::kTransitions);
    guard.PopAnnouncement();
  }
  if (FleetGuard::OrderedMode(settings_, state, moment.now) == GuardMode::kAuto) {
    state.order.store(0, kRelaxed);  // it is over
  }
  if (IsIdle(state, moment)) {
    state.order.store(0, kRelaxed);
    state.eased_ns.store(0, kRelaxed);
    state.spent.store(0, kRelaxed);
    state.silent.store(0, kRelaxed);
    state.watched.store(0, kRelaxed);
    state.group.store(kNoGroup, std::memory_order_release);
    in_use_.fetch_sub(1, kRelaxed);
    is_full_.store(false, kRelaxed);
  }
}

// Nothing of it matters any more: as if it had never been.
bool GroupGuards::IsIdle(const GuardState& state, const Moment& moment) const noexcept {
  const std::int64_t eased_ns = state.eased_ns.load(kRelaxed);
  const bool is_reprieved =
      eased_ns != 0 && moment.horizon - HearingInstant{Duration{eased_ns}} < longest_reprieve_;
  return state.holds_since_ns.load(kRelaxed) == 0 && state.spent.load(kRelaxed) == 0 &&
         !is_reprieved && FleetGuard::OrderedMode(settings_, state, moment.now) == GuardMode::kAuto;
}

}  // namespace flatline
