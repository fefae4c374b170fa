// The endpoints that a rule of the scenario concerns, as a set that the traffic loop can ask. Made
// at start. Bounds: one bit an endpoint, none where all are meant. Cost: a look-up.
#pragma once

#include "bench/generator/fleet.h"
#include "bench/generator/plan.h"
#include "bench/generator/scenario.h"

#include <cstdint>
#include <vector>

namespace flatline::generator {

class Selection {
 public:
  // `salt` is what drawn ones are drawn under.
  Selection(const Selector& who, const Fleet& fleet, std::uint64_t salt) {
    if (who.by != Selector::By::kAll) {
      concerned_.resize(fleet.size());
      ForEachSelected(who, fleet, salt, nullptr, [&](Index index) { concerned_[index] = true; });
    }
  }

  [[nodiscard]] bool Has(Index index) const { return concerned_.empty() || concerned_[index]; }

 private:
  std::vector<bool> concerned_;  // empty: all
};

}  // namespace flatline::generator
