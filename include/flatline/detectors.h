// The detectors: how long an endpoint may be silent before it is suspect, from its profile and the
// history in its record. Each detector is one function from a profile to a rule, made once at
// start; a rule with a history gives the silence allowed, in stamp units. Pure; used by whoever
// judges (dataplane), explains (check-config, get) or checks. Cost of a rule applied: a square root
// and a few products, none for `fixed`; heartbeats do not apply it, visits of the wheel do.
//
//   fixed   interval × threshold
//   phi     acceptable pause + mean gap + z(threshold) × deviation of the gaps, where z is the
//           quantile of phi: the instant at which the level of suspicion reaches the threshold
//           (Hayashibara et al., SRDS 2004), known ahead of time
//   chen    expected arrival of the next heartbeat + margin + deviations × deviation of the gaps:
//           NFD-E of Chen, Toueg and Aguilera (IEEE ToC 2002), which expects by the mean of several
//           arrivals and not by the last one; the last term (after Bertier et al., DSN 2002) gives
//           those more time whose heartbeats are known to come irregularly or to be lost
//   learnt  threshold × mean gap: for senders whose interval nobody knows beforehand, or that keep
//           another than they promised. A newcomer gets the most until its interval is known, and
//           again after a restart, with which intervals change
//
// `least`: no history gives less, however small its numbers: the wheel counts on it (shard.h), for
// an endpoint just heard needs no visit sooner. `most`: none gives more, so that who was erratic is
// not watched for ever.
#pragma once

#include <flatline/profile.h>
#include <flatline/record.h>
#include <flatline/suspicion.h>
#include <flatline/time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace flatline {

// Until so many gaps have entered a history, it is held to be no steadier than a quarter of the
// interval.
inline constexpr std::uint32_t kYoungHistory = 8;

struct SilenceRule {
  std::uint32_t least = 0;  // stamp units, as all of them
  std::uint32_t most = 0;   // the same where history does not matter
  float constant = 0;       // added
  float mean_weight = 1;    // of the mean gap
  float lead_weight = 0;    // of the expectation about the last arrival
  float deviations = 0;     // how many are added
  float promised = 0;       // the profile's interval: the mean of an empty history
  float least_deviation = 0;
  float young_deviation = 0;
  std::uint32_t waits_for = 0;  // gaps; until so many are known the most is allowed

  [[nodiscard]] constexpr bool is_constant() const noexcept { return least == most; }
};

// The silence after which an endpoint of this history is suspect. Numbers that are none (a record
// out of a damaged region) count as the least. A call, so that those who need none pay none.
[[gnu::noinline]] inline std::uint32_t AllowedSilence(const SilenceRule& rule,
                                                      const Arrival& arrival) noexcept {
  if (rule.is_constant()) {
    return rule.least;
  }
  if (arrival.count < rule.waits_for) {
    return rule.most;
  }
  const float floor = arrival.count < kYoungHistory ? rule.young_deviation : rule.least_deviation;
  const float deviation = std::sqrt(arrival.variance);
  const float mean = arrival.count == 0 ? rule.promised : arrival.interval;
  const float allowed = rule.constant + rule.mean_weight * mean + rule.lead_weight * arrival.lead +
                        rule.deviations * (deviation > floor ? deviation : floor);
  if (!(allowed > static_cast<float>(rule.least))) {
    return rule.least;
  }
  if (allowed >= static_cast<float>(rule.most)) {
    return rule.most;
  }
  return std::clamp(static_cast<std::uint32_t>(allowed) + 1, rule.least, rule.most);
}

// The same from the packed word of a record, opened only where it matters.
inline std::uint32_t AllowedSilence(const SilenceRule& rule, std::uint64_t arrival) noexcept {
  return rule.is_constant() ? rule.least : AllowedSilence(rule, Arrival::Unpack(arrival));
}

inline SilenceRule FixedRule(const Profile& profile) noexcept {
  const std::uint32_t timeout = StampUnits(profile.timeout);
  return {.least = timeout, .most = timeout};
}

namespace detectors_internal {

inline float Units(Duration d) noexcept {
  return static_cast<float>(StampUnits(d));
}

inline SilenceRule Bounded(SilenceRule rule, float least, const Profile& profile) noexcept {
  rule.most = StampUnits(profile.timeout);
  const float at_least = std::max(least, static_cast<float>(StampUnits(kLeastTimeout)));
  rule.least = at_least < static_cast<float>(rule.most) ? static_cast<std::uint32_t>(at_least) + 1
                                                        : rule.most;
  return rule;
}

}  // namespace detectors_internal

// Least: what an endpoint gets that keeps its interval to the stamp.
inline SilenceRule PhiRule(const Profile& profile) noexcept {
  using detectors_internal::Units;
  SilenceRule rule;
  rule.constant = Units(profile.allowance);
  rule.deviations = static_cast<float>(PhiQuantile(profile.threshold));
  rule.promised = Units(profile.interval);
  rule.least_deviation = Units(profile.least_deviation);
  rule.young_deviation = std::max(rule.least_deviation, rule.promised / 4);
  return detectors_internal::Bounded(
      rule, rule.constant + rule.promised + rule.deviations * rule.least_deviation, profile);
}

// Least: half an interval and the margin, for the last one may have been late itself.
inline SilenceRule ChenRule(const Profile& profile) noexcept {
  using detectors_internal::Units;
  SilenceRule rule;
  rule.constant = Units(profile.allowance);
  rule.lead_weight = 1;
  rule.deviations = static_cast<float>(profile.deviations);
  rule.promised = Units(profile.interval);
  rule.young_deviation = rule.promised / 4;
  return detectors_internal::Bounded(rule, rule.constant + rule.promised / 2, profile);
}

// Least: as if it beat ten times as often as its profile promises.
inline SilenceRule LearntRule(const Profile& profile) noexcept {
  using detectors_internal::Units;
  SilenceRule rule;
  rule.mean_weight = static_cast<float>(profile.threshold);
  rule.promised = Units(profile.interval);
  rule.waits_for = kYoungHistory;
  return detectors_internal::Bounded(rule, rule.mean_weight * rule.promised / 10, profile);
}

inline SilenceRule RuleOf(const Profile& profile) noexcept {
  switch (profile.detector) {
    case DetectorKind::kPhi:
      return PhiRule(profile);
    case DetectorKind::kChen:
      return ChenRule(profile);
    case DetectorKind::kLearnt:
      return LearntRule(profile);
    case DetectorKind::kFixed:
      break;
  }
  return FixedRule(profile);
}

}  // namespace flatline
