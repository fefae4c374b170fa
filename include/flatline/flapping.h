// Flap damping of an endpoint after RFC 2439: each death and each revival adds to a penalty that
// decays by half in every half-life; above one threshold the endpoint's changes are suppressed,
// until the penalty has decayed to another. Settings and arithmetic; control keeps the penalties.
// Pure, with time as an argument. Bounds: no penalty is more than the ceiling, from which it decays
// to `reuse` within `longest`: so long is nobody suppressed who keeps quiet. Cost: an exponential.
#pragma once

#include <flatline/time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace flatline {

// [flapping]
struct FlapSettings {
  std::uint32_t death_penalty = 0;     // of each verdict `dead`; both 0: nothing is ever suppressed
  std::uint32_t revival_penalty = 0;   // of each return from it
  std::uint32_t suppress = 2'500;      // suppression begins above this
  std::uint32_t reuse = 1'000;         // and is over at this
  Duration half_life{60'000'000'000};  // of the penalty
  Duration longest{600'000'000'000};   // suppression of one who keeps quiet

  [[nodiscard]] constexpr bool damps() const noexcept {
    return death_penalty != 0 || revival_penalty != 0;
  }

  constexpr bool operator==(const FlapSettings&) const = default;
};

// No penalty exceeds it (RFC 2439, 4.2).
inline double FlapCeiling(const FlapSettings& settings) noexcept {
  return settings.reuse * std::exp2(static_cast<double>(settings.longest.count()) /
                                    static_cast<double>(settings.half_life.count()));
}

// What is left of a penalty after a while; a while that is negative is none.
inline double Decayed(double penalty, Duration passed, const FlapSettings& settings) noexcept {
  const auto ns = static_cast<double>(std::max<std::int64_t>(passed.count(), 0));
  return penalty * std::exp2(-ns / static_cast<double>(settings.half_life.count()));
}

inline double Raised(double penalty, std::uint32_t by, const FlapSettings& settings) noexcept {
  return std::min(penalty + by, FlapCeiling(settings));
}

// How long it takes a penalty to decay to a level; none where it is no higher.
inline Duration TimeToDecay(double penalty, double level, const FlapSettings& settings) noexcept {
  if (!(penalty > level)) {
    return Duration{0};
  }
  const double half_lives = std::log2(penalty / level);
  return Duration{static_cast<std::int64_t>(
      std::ceil(half_lives * static_cast<double>(settings.half_life.count())))};
}

}  // namespace flatline
