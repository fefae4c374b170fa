// How long a suspicion has to stand before it is the verdict `dead`: the less, the more independent
// evidence speaks for it, after Lifeguard (Dadgar, Phillips and Currey, DSN 2018). Used by the
// detector, check-config and tests. Pure; the times are of silence beyond the timeout. Bounds:
// never less than `least`, never more than `most`. Cost: two logarithms, once for each profile and
// number of witnesses.
//
//   most - (most - least) · log(n + 1) / log(K + 1)     n of K witnesses; not below `least`
#pragma once

#include <flatline/profile.h>
#include <flatline/time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace flatline {

// What speaks for the death of a suspect beside its silence, a bit for each witness.
using Evidence = std::uint8_t;

inline constexpr Evidence kProbesUnanswered = 1U << 0;  // all of them, by one that used to answer
inline constexpr Evidence kHealthFailing = 1U << 1;     // by its own last word
inline constexpr Evidence kGroupFalling = 1U << 2;      // others of its group are silent too
inline constexpr int kMostWitnesses = 3;

constexpr int WitnessesIn(Evidence evidence) noexcept {
  return (evidence & 1) + (evidence >> 1 & 1) + (evidence >> 2 & 1);
}

// Those that an endpoint of this profile can have at all.
constexpr int WitnessesOf(const Profile& profile) noexcept {
  return profile.probe != ProbeKind::kOff && profile.probes != 0 ? kMostWitnesses
                                                                 : kMostWitnesses - 1;
}

// Whether evidence makes a difference.
constexpr bool IsShortened(const Profile& profile) noexcept {
  return profile.least_confirmation != Duration{} &&
         profile.least_confirmation < profile.confirmation;
}

inline Duration ConfirmationBy(int witnesses, int of, Duration least, Duration most) noexcept {
  const double share = std::log(witnesses + 1.0) / std::log(of + 1.0);
  const auto less = static_cast<std::int64_t>(share * static_cast<double>((most - least).count()));
  return std::max(least, most - Duration{less});
}

// The whole of it where the profile does not say that evidence shortens it.
inline Duration ConfirmationBy(int witnesses, const Profile& profile) noexcept {
  return IsShortened(profile) ? ConfirmationBy(witnesses,
                                               WitnessesOf(profile),
                                               profile.least_confirmation,
                                               profile.confirmation)
                              : profile.confirmation;
}

}  // namespace flatline
