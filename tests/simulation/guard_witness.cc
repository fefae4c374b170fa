#include "tests/simulation/guard_witness.h"

#include <algorithm>
#include <sstream>

namespace flatline {
namespace {

// What the estimate of a death that is taken back may be early by: confirmations, holds, blindness.
constexpr Duration kUncertain = Milliseconds(1'000);
// A hold is bounded in the time of the leader, who may pause or be killed.
constexpr Duration kLongestPause = Milliseconds(1'000);
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
    silent_before_ = MostSilent(kNoGroup, now);
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
    const auto cause = static_cast<GroupCause>(told.from);
    const bool is_by_share = cause == GroupCause::kFleet || cause == GroupCause::kSharedDomain;
    // The leader has the fleet's numbers as they were when each worker's turn was over.
    const std::uint64_t most =
        std::max(MostSilent(told.group, told.at), told.group == kNoGroup ? silent_before_ : 0);
    if (told.reason == Reason::kGuard && told.to == 1 && is_by_share && has_room &&
        told.incarnation > most) {
      Fault(told, "begins with more silent endpoints than there are: " + std::to_string(most));
    }
    return;
  }
  if (told.kind != TransitionKind::kLiveness) {
    return;
  }
  if (told.reason == Reason::kRetired) {
    endpoints_.erase(told.id);
    return;
  }
  Known& known = endpoints_[told.id];
  known.liveness = told.liveness;
  if (told.liveness == Liveness::kDead) {
    deaths_in_turn_.push_back(told);
    known.died = told.at;
    known.was_heard = told.reason != Reason::kNeverHeard;
  }
}

void GuardWitness::AfterTurn(Instant now) {
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
}

// Those who are suspect or died within the window and are not back; and those who are, where the
// guard cannot know it for certain.
std::uint64_t GuardWitness::MostSilent(Group group, Instant now) const {
  const Duration window = region_.header().guard.window;
  return static_cast<std::uint64_t>(std::ranges::count_if(endpoints_, [&](const auto& each) {
    const auto& [id, known] = each;
    if (group != kNoGroup && group != GroupOf(id)) {
      return false;
    }
    const Duration ago = now - known.died;
    const bool died = known.was_heard && ago <= window;
    return known.liveness == Liveness::kSuspect ||
           (died && (known.liveness == Liveness::kDead || ago > window - kUncertain));
  }));
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
