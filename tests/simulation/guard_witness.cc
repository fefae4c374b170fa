#include "tests/simulation/guard_witness.h"

#include <algorithm>
#include <sstream>

namespace flatline {
namespace {

// What the estimate of a death that is taken back may be off by: confirmations, holds, blindness.
constexpr Duration kUncertain = Milliseconds(1'000);
// A hold is bounded in the time of the leader, who may pause or be killed.
constexpr Duration kLongestPause = Milliseconds(1'000);
// A count of those who died moves in parts of the window (recent_count.h, group_silence.h).
constexpr int kParts = 6;
// What a hold adds behind its end: the reprieve, and the next look of those who were held.
constexpr Duration kAfterwards = Milliseconds(300);

}  // namespace

std::set<Group> GuardWitness::Holding() const {
  std::set<Group> out;
  if (region_.dataplane().guard.holds_since_ns.load() != 0) {
    out.insert(kNoGroup);
  }
  if (region_.header().guard.group_share_ppm != 0) {
    for (const GuardState& state : region_.dataplane().group_guards) {
      if (state.holds_since_ns.load() != 0) {
        out.insert(state.group.load());
      }
    }
  }
  return out;
}

void GuardWitness::BeforeTurn(Instant now) {
  deaths_in_turn_.clear();
  held_before_ = Holding();
  if (region_.header().guard.share_ppm != 0) {
    before_ = BoundsOf(kNoGroup, now);
  }
  for (const Group group : held_before_) {
    std::vector<Hold>& holds = holds_of_[group];
    if (holds.empty() || holds.back().to != Instant::max()) {
      holds.push_back({now, Instant::max()});  // one that a killed process began
    }
  }
}

void GuardWitness::Take(const Transition& told, bool has_room) {
  if (told.kind == TransitionKind::kGroup) {
    CheckBegin(told, has_room);
    return;
  }
  if (told.kind != TransitionKind::kLiveness) {
    return;
  }
  Known& known = endpoints_[told.id];
  const bool was_dead = known.liveness == Liveness::kDead && known.was_heard;
  if (was_dead) {
    returns_.push_back({.id = told.id, .at = told.at});
  }
  if (told.reason == Reason::kRetired) {
    endpoints_.erase(told.id);
    return;
  }
  if (told.liveness == Liveness::kDead) {
    CheckGroupOf(told);
    deaths_in_turn_.push_back(told);
    known.died = told.at;
    known.silence = told.silence;
    known.blind_before = Duration{region_.header().blind_total_ns.load()};
    known.was_heard = told.incarnation != 0 || told.sequence != 0;
    known.was_adopted = false;
  }
  known.liveness = told.liveness;
  known.group = told.group;
}

void GuardWitness::CheckBegin(const Transition& told, bool has_room) {
  const auto cause = static_cast<GroupCause>(told.from);
  const bool is_by_share = cause == GroupCause::kFleet || cause == GroupCause::kSharedDomain;
  if (told.reason != Reason::kGuard || told.to != 1 || !is_by_share || !has_room) {
    return;
  }
  // The leader has the fleet's numbers as they were when each worker's turn was over.
  const std::uint64_t most = std::max(BoundsOf(told.group, told.at).most_silent,
                                      told.group == kNoGroup ? before_.most_silent : 0);
  if (told.incarnation > most) {
    Fault(told, "begins with more silent endpoints than there are: " + std::to_string(most));
  }
}

// As its worker saw the group when it told of the death: that one was still suspect.
void GuardWitness::CheckGroupOf(const Transition& death) {
  const GuardSettings& guard = region_.header().guard;
  if (death.group == kNoGroup || guard.group_share_ppm == 0 || HasSpentItself(death.group)) {
    return;
  }
  const Bounds bounds = BoundsOf(death.group, death.at);
  if (bounds.IsBeyond(guard.group_share_ppm, guard.group_least)) {
    Fault(death,
          "was told though of its group so many are silent: " +
              std::to_string(bounds.least_silent) + " of " + std::to_string(bounds.watched));
  }
}

bool GuardWitness::HasSpentItself(Group group) const {
  if (group == kNoGroup) {
    return region_.dataplane().guard.spent.load() != 0;
  }
  return std::ranges::any_of(region_.dataplane().group_guards, [&](const GuardState& state) {
    return state.group.load() == group && state.spent.load() != 0;
  });
}

void GuardWitness::AfterTurn(unsigned worker, Instant now) {
  const std::set<Group> holding = Holding();
  for (const Transition& death : deaths_in_turn_) {
    for (const Group group : {kNoGroup, death.group}) {
      if (held_before_.contains(group) && holding.contains(group)) {
        Fault(death, "was told though a guard held");
      }
    }
  }
  for (auto& [group, holds] : holds_of_) {
    if (holds.back().to == Instant::max() && !holding.contains(group)) {
      holds.back().to = now;
      if (now - holds.back().from > region_.header().guard.release_after + kLongestPause) {
        faults_.push_back("a guard of group " + std::to_string(group) + " did not end by itself");
      }
    }
  }
  for (const Group group : holding) {
    std::vector<Hold>& holds = holds_of_[group];
    if (holds.empty() || holds.back().to != Instant::max()) {
      holds.push_back({now, Instant::max()});
      ++holds_;
    }
  }
  std::erase_if(returns_, [&](const Return& was) {
    return now - was.at > region_.header().guard.window + kLongestPause;
  });
  CheckFleetIsHeld(worker);
  have_turned_.insert(worker);
}

// By the numbers that the leader had in its turn, which are of this process once every worker has
// made one.
void GuardWitness::CheckFleetIsHeld(unsigned worker) {
  const GuardSettings& guard = region_.header().guard;
  if (worker != 0 || guard.share_ppm == 0 || have_turned_.size() != region_.shape().workers ||
      HasSpentItself(kNoGroup) || region_.dataplane().guard.holds_since_ns.load() != 0) {
    return;
  }
  if (before_.IsBeyond(guard.share_ppm, guard.least_endpoints)) {
    faults_.push_back("no guard holds though of the fleet so many are silent: " +
                      std::to_string(before_.least_silent) + " of " +
                      std::to_string(before_.watched));
  }
}

void GuardWitness::Adopted() {
  have_turned_.clear();
  for (auto& [id, known] : endpoints_) {
    known.was_adopted = known.liveness == Liveness::kDead;
  }
}

void GuardWitness::BeginRegion() {
  have_turned_.clear();
  endpoints_.clear();
  returns_.clear();
}

// Silent are those who are suspect or died within the window and are not back. Who is back, where
// the guard cannot know for certain when it died, may still be counted, or may have been taken
// for another; and an adopted death is reckoned from the last heartbeat, without the blindness
// since.
GuardWitness::Bounds GuardWitness::BoundsOf(Group group, Instant now) const {
  Bounds out;
  std::uint64_t doubtful = 0;  // who has not said its group yet may, and nobody is told
  std::uint64_t died = 0;
  for (const auto& [id, known] : endpoints_) {
    if (group != kNoGroup && group != GroupOf(id)) {
      continue;
    }
    out.most_silent += MayBeSilent(known, now) ? 1 : 0;
    if (group != kNoGroup && known.group != group) {
      ++doubtful;
      continue;
    }
    out.least_watched += known.liveness == Liveness::kAlive ? 1 : 0;
    out.least_silent += known.liveness == Liveness::kSuspect ? 1 : 0;
    died += IsSurelyCounted(known, now) ? 1 : 0;
  }
  const Duration window = region_.header().guard.window;
  const auto mistaken =
      static_cast<std::uint64_t>(std::ranges::count_if(returns_, [&](const Return& was) {
        return (group == kNoGroup || group == GroupOf(was.id)) && now - was.at <= window;
      }));
  out.least_silent += died - std::min(died, mistaken);
  out.least_watched += out.least_silent;
  out.watched = out.least_watched + doubtful;
  return out;
}

bool GuardWitness::MayBeSilent(const Known& known, Instant now) const {
  const Duration window = region_.header().guard.window;
  const Duration blind{region_.header().blind_total_ns.load()};
  const Duration longest = window + (known.was_adopted ? blind - known.blind_before : Duration{});
  const Duration ago = now - known.died;
  const bool may_count = known.was_heard && ago <= longest &&
                         (known.liveness == Liveness::kDead || ago > window - kUncertain);
  return known.liveness == Liveness::kSuspect || may_count;
}

bool GuardWitness::IsSurelyCounted(const Known& known, Instant now) const {
  const Duration window = region_.header().guard.window;
  const Duration ago = now - known.died + (known.was_adopted ? known.silence : Duration{});
  return known.liveness == Liveness::kDead && known.was_heard && ago < window - window / kParts;
}

Duration GuardWitness::HeldWithin(EndpointId id, Instant from, Instant to) const {
  Duration out{0};
  for (const Group group : {kNoGroup, GroupOf(id)}) {
    const auto holds = holds_of_.find(group);
    if (holds == holds_of_.end()) {
      continue;
    }
    for (const Hold& hold : holds->second) {
      if (hold.to > from && hold.from < to) {
        out += std::min(hold.to, to) - std::max(hold.from, from) + kAfterwards;
      }
    }
  }
  return out;
}

void GuardWitness::CheckSettled() {
  for (const Group group : Holding()) {
    faults_.push_back("a guard holds in a world that is healed, of group " + std::to_string(group));
  }
}

void GuardWitness::Fault(const Transition& told, const std::string& sentence) {
  std::ostringstream out;
  out << NameOf(told.reason) << " of endpoint " << told.id << ", group " << told.group << ", "
      << told.incarnation << " of " << told.sequence << ", at "
      << told.at.time_since_epoch().count() << " " << sentence;
  faults_.push_back(out.str());
}

}  // namespace flatline
