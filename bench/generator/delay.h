// The slow network of a scenario: how long a heartbeat that is sent now is held up on its way.
// Asked by the traffic loop once for each heartbeat; pure. Bounds: one bit an endpoint for a rule
// that does not concern all. Cost: a look-up and a few comparisons for each rule.
//
// No rule lets a heartbeat overtake the one before it: what it adds falls no faster than time
// passes, and of several rules the longest counts.
#pragma once

#include "bench/generator/fleet.h"
#include "bench/generator/scenario.h"
#include "bench/generator/selection.h"

#include <vector>

namespace flatline::generator {

class Delays {
 public:
  Delays(std::vector<Delay> rules, const Fleet& fleet);

  // For a heartbeat that the endpoint sends at this instant.
  [[nodiscard]] Elapsed Of(Index index, Elapsed at) const;

 private:
  struct Rule {
    Delay delay;
    Selection who;
  };

  std::vector<Rule> rules_;
};

// What one rule adds at an instant.
[[nodiscard]] Elapsed AddedBy(const Delay& rule, Elapsed at) noexcept;

}  // namespace flatline::generator
