// The lossy network of a scenario: whether a heartbeat about to be sent is eaten. Asked by the
// traffic loop once for each heartbeat, in the order of its rounds; deterministic from the seed.
// Bounds: one bit an endpoint for a rule that does not concern all, one more for Gilbert–Elliott.
// Cost: nothing while no rule is in force; else a look-up and a draw for each rule in force.
#pragma once

#include "bench/generator/fleet.h"
#include "bench/generator/scenario.h"
#include "bench/generator/selection.h"

#include <cstdint>
#include <vector>

namespace flatline::generator {

class Losses {
 public:
  Losses(std::vector<Loss> rules, const Fleet& fleet);

  // Decides which rules are in force at this instant.
  void Advance(Elapsed elapsed);

  // Whether the endpoint's heartbeat of this round is eaten. Each rule in force that concerns the
  // endpoint is asked, also after another one has eaten: their links go on.
  [[nodiscard]] bool Eats(Index index, std::uint32_t round) {
    bool eaten = false;
    for (Rule* rule : in_force_) {
      if (rule->who.Has(index) && rule->Eats(index, round)) {
        eaten = true;
      }
    }
    return eaten;
  }

 private:
  struct Rule {
    Loss loss;
    std::uint64_t seed = 0;
    Selection who;
    std::vector<bool> is_bad{};  // Gilbert–Elliott: the link's state

    [[nodiscard]] bool IsInForce(Elapsed at) const noexcept;
    [[nodiscard]] bool Eats(Index index, std::uint32_t round);
  };

  std::vector<Rule> rules_;
  std::vector<Rule*> in_force_;
};

}  // namespace flatline::generator
