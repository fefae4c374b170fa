#include "bench/generator/delay.h"

#include <algorithm>
#include <utility>

namespace flatline::generator {

namespace {

// Before the rule ends.
Elapsed Grown(const Delay& rule, Elapsed since) noexcept {
  if (since >= rule.ramp) {
    return rule.by;
  }
  const double share = static_cast<double>(since.count()) / static_cast<double>(rule.ramp.count());
  return Elapsed{static_cast<std::int64_t>(share * static_cast<double>(rule.by.count()))};
}

}  // namespace

Elapsed AddedBy(const Delay& rule, Elapsed at) noexcept {
  if (at < rule.from) {
    return {};
  }
  if (at < rule.until) {
    return Grown(rule, at - rule.from);
  }
  return std::max(Grown(rule, rule.until - rule.from) - (at - rule.until), Elapsed{});
}

Delays::Delays(std::vector<Delay> rules, const Fleet& fleet) {
  rules_.reserve(rules.size());
  for (Delay& delay : rules) {
    Selection who(
        delay.who, fleet, Mix(fleet.seed() + 0xA0761D6478BD642FULL * (rules_.size() + 1)));
    rules_.push_back({std::move(delay), std::move(who)});
  }
}

Elapsed Delays::Of(Index index, Elapsed at) const {
  Elapsed longest{};
  for (const Rule& rule : rules_) {
    if (rule.who.Has(index)) {
      longest = std::max(longest, AddedBy(rule.delay, at));
    }
  }
  return longest;
}

}  // namespace flatline::generator
