// Holds the guards of a simulated world against the truth: the one over the fleet and those of its
// groups. Looks at their state before and after each turn of a worker and at what is told in it,
// keeps for how long whose verdicts were held, and collects faults as sentences: a death that was
// told under a hold, a hold that begins with more silent endpoints than there were, or that does
// not end; none where there were too many for certain, before a restart or after it. Costs a look
// at 256 guards a turn where groups have any.
#pragma once

#include "tests/simulation/truth.h"

#include <flatline/guard.h>
#include <flatline/region.h>
#include <flatline/time.h>
#include <flatline/transition.h>

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace flatline {

class GuardWitness {
 public:
  explicit GuardWitness(const RegionView& region) : region_(region) {}

  // Around a turn of a worker; between the two, what it told. `has_room`: nothing of it had to wait
  // for the ring.
  void BeforeTurn(Instant now);
  void Take(const Transition& told, bool has_room);
  void AfterTurn(unsigned worker, Instant now);

  // Another process has adopted the region.
  void Adopted();

  // The region has been formatted anew.
  void BeginRegion();

  // Of this stretch, for how long a verdict on the endpoint had to wait for a guard, or for what
  // follows a hold.
  [[nodiscard]] Duration HeldWithin(EndpointId id, Instant from, Instant to) const;

  // After the world has been healed and has settled.
  void CheckSettled();

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

  [[nodiscard]] std::uint64_t holds() const { return holds_; }

 private:
  struct Hold {
    Instant from;
    Instant to;
  };

  // As it was told of last.
  struct Known {
    Liveness liveness = Liveness::kUnknown;
    Group group = kNoGroup;  // it may not have said yet
    Instant died{};
    Duration silence{};        // when it died
    Duration blind_before{};   // all blindness until then
    bool was_heard = false;    // before it died
    bool was_adopted = false;  // as one who is dead: the guard has but its record to go by
  };

  // One who had died was heard again, left or was retired.
  struct Return {
    EndpointId id = kNoEndpoint;
    Instant at{};
  };

  // What a guard may count, and what it must.
  struct Bounds {
    std::uint64_t most_silent = 0;
    std::uint64_t least_silent = 0;
    std::uint64_t watched = 0;        // with those silent, at the most
    std::uint64_t least_watched = 0;  // with them

    [[nodiscard]] bool IsBeyond(std::uint32_t share_ppm, std::uint32_t of_at_least) const {
      return least_watched >= of_at_least && least_silent * kWholeShare >= share_ppm * watched;
    }
  };

  [[nodiscard]] std::set<Group> Holding() const;
  [[nodiscard]] Bounds BoundsOf(Group group, Instant now) const;
  [[nodiscard]] bool MayBeSilent(const Known& known, Instant now) const;
  [[nodiscard]] bool IsSurelyCounted(const Known& known, Instant now) const;
  [[nodiscard]] bool HasSpentItself(Group group) const;
  void CheckBegin(const Transition& told, bool has_room);
  void CheckGroupOf(const Transition& death);
  void CheckFleetIsHeld(unsigned worker);
  void Fault(const Transition& told, const std::string& sentence);

  RegionView region_;
  // kNoGroup: of the fleet.
  std::set<Group> held_before_;  // the turn
  std::map<Group, std::vector<Hold>> holds_of_;
  Bounds before_;                   // of the fleet
  std::set<unsigned> have_turned_;  // since the process began
  std::vector<Transition> deaths_in_turn_;
  std::unordered_map<EndpointId, Known> endpoints_;
  std::vector<Return> returns_;  // within the window
  std::uint64_t holds_ = 0;
  std::vector<std::string> faults_;
};

}  // namespace flatline
