#include "bench/generator/loss.h"

#include <utility>

namespace flatline::generator {

Losses::Losses(std::vector<Loss> rules, const Fleet& fleet) {
  rules_.reserve(rules.size());
  for (Loss& loss : rules) {
    const std::uint64_t seed = Mix(fleet.seed() + 0xC2B2AE3D27D4EB4FULL * (rules_.size() + 1));
    Selection who(loss.who, fleet, seed);
    Rule rule{std::move(loss), seed, std::move(who)};
    if (rule.loss.model == LossModel::kGilbertElliott) {
      rule.is_bad.resize(fleet.size());
    }
    rules_.push_back(std::move(rule));
  }
}

void Losses::Advance(Elapsed elapsed) {
  in_force_.clear();
  for (Rule& rule : rules_) {
    if (rule.IsInForce(elapsed)) {
      in_force_.push_back(&rule);
    }
  }
}

bool Losses::Rule::IsInForce(Elapsed at) const noexcept {
  return loss.from <= at && at < loss.until &&
         (loss.flips.count() == 0 || (at - loss.from) / loss.flips % 2 == 0);
}

bool Losses::Rule::Eats(Index index, std::uint32_t round) {
  const std::uint64_t drawn = Draw(seed, index, round);
  switch (loss.model) {
    case LossModel::kBernoulli:
      return Falls(drawn, loss.rate);
    case LossModel::kCut:
      return true;
    case LossModel::kGilbertElliott: {
      const bool was_bad = is_bad[index];
      const bool moves = Falls(drawn, was_bad ? loss.to_good : loss.to_bad);
      const bool bad = was_bad != moves;
      is_bad[index] = bad;
      return Falls(Mix(drawn), bad ? loss.bad : loss.good);
    }
  }
  return false;
}

}  // namespace flatline::generator
