// Holds the guards of a simulated world against the truth: the one over the fleet and those of its
// groups. Looks at their state before and after each turn of a worker and at what is told in it,
// keeps for how long whose verdicts were held, and collects faults as sentences: a death that was
// told under a hold, a hold that begins with more silent endpoints than there were, or that does
// not end. Costs a look at 256 guards a turn where groups have any.
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
  void AfterTurn(Instant now);

  // The region has been formatted anew.
  void BeginRegion() { endpoints_.clear(); }

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
    Instant died{};
    bool was_heard = false;  // before it died
  };

  [[nodiscard]] std::set<Group> Holding() const;
  [[nodiscard]] std::uint64_t MostSilent(Group group, Instant now) const;
  void Fault(const Transition& told, const std::string& sentence);

  RegionView region_;
  // kNoGroup: of the fleet.
  std::set<Group> held_before_;  // the turn
  std::map<Group, std::vector<Hold>> holds_of_;
  std::uint64_t silent_before_ = 0;  // of the fleet
  std::vector<Transition> deaths_in_turn_;
  std::unordered_map<EndpointId, Known> endpoints_;
  std::uint64_t holds_ = 0;
  std::vector<std::string> faults_;
};

}  // namespace flatline
