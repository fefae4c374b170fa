// What asking means for each profile, and the proof that an answer is one: derived from profiles at
// start, read by shards and probers; laps are the prober's word. Pure. Assumes profiles that were
// checked when loaded. Cost: a SipHash of twelve bytes for each probe and for each answer.
//
// Nothing is kept of a probe on its way. It carries the hearing time at which it was sent, and a
// cookie made of that, of the endpoint and of a key of this process's; an answer repeats both. So
// none can be made up, and one that is sent again proves no more than it did: that the endpoint was
// there when it was asked.
#pragma once

#include "dataplane/siphash.h"

#include <flatline/confirmation.h>
#include <flatline/endpoint.h>
#include <flatline/profile.h>
#include <flatline/record.h>
#include <flatline/time.h>
#include <flatline/wire.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace flatline {

// A hearing instant in units of 1.024 µs, modulo 73 minutes: what a probe says of when it was sent.
using ProbeTime = std::uint32_t;

inline constexpr int kProbeTimeShift = 10;
inline constexpr Duration kMostPatience{1'800'000'000'000};

constexpr ProbeTime ProbeTimeOf(HearingInstant at) noexcept {
  return static_cast<ProbeTime>(at.time_since_epoch().count() >> kProbeTimeShift);
}

// How long ago, within 37 minutes; negative where blind time was subtracted meanwhile.
constexpr Duration SinceProbe(ProbeTime sent, HearingInstant now) noexcept {
  const auto units = static_cast<std::int32_t>(ProbeTimeOf(now) - sent);
  return Duration{std::int64_t{units} * (std::int64_t{1} << kProbeTimeShift)};
}

inline std::uint64_t CookieOf(const SipKey& key, EndpointId id, ProbeTime sent) noexcept {
  std::array<std::byte, 12> message{};
  wire::Store<std::uint64_t>(message.data(), id);
  wire::Store<std::uint32_t>(message.data() + 8, sent);
  return SipHash(key, message, TagSize::k64Bits).low;
}

// Sequences of agents begin at 1, and answers move none.
constexpr bool HasBeaten(Heard heard) noexcept {
  return heard.sequence != 0;
}

struct ProbePlan {
  ProbeKind kind = ProbeKind::kOff;
  std::uint8_t probes = 0;  // for each suspicion
  bool pulls = false;
  Duration interval{};  // between two pulls
  Duration spacing{};   // between two probes of a suspicion
  Duration patience{};  // an answer that takes longer is stale
  Duration lap{};       // between two pulls, as it has been of late

  // Between two pulls, as it is to be reckoned with.
  [[nodiscard]] constexpr Duration pace() const noexcept { return std::max(interval, lap); }

  // How many times longer than it should that takes us; a little more is nothing.
  [[nodiscard]] constexpr double stretch() const noexcept {
    return lap <= interval + interval / 8
               ? 1.0
               : static_cast<double>(lap.count()) / static_cast<double>(interval.count());
  }

  static constexpr ProbePlan Of(const Profile& profile) noexcept {
    if (profile.probe != ProbeKind::kNative && profile.probe != ProbeKind::kEcho) {
      return {};
    }
    ProbePlan out;
    out.kind = profile.probe;
    out.probes = std::min(profile.probes, kMostProbes);
    out.pulls = profile.pull != 0 && profile.interval > Duration{0};
    out.interval = profile.interval;
    // Where evidence counts it is there when it first can: with the least of the confirmation.
    const Duration time = IsShortened(profile) ? profile.least_confirmation : profile.confirmation;
    out.spacing = time / (out.probes + 1);
    out.patience = std::min(
        std::max(profile.confirmation, out.pulls ? profile.interval : Duration{0}), kMostPatience);
    return out;
  }
};

class ProbePlans {
 public:
  // A record whose profile is not in use is judged by the default one, and asked likewise.
  ProbePlans(const std::array<Profile, kMaxProfiles>& profiles,
             ProfileId default_profile) noexcept {
    plans_.fill(default_profile < kMaxProfiles ? ProbePlan::Of(profiles[default_profile])
                                               : ProbePlan{});
    for (ProfileId id = kFirstBuiltInProfile; id < kMaxProfiles; ++id) {
      if (profiles[id].in_use()) {
        plans_[id] = ProbePlan::Of(profiles[id]);
      }
      any_ = any_ || plans_[id].kind != ProbeKind::kOff;
    }
  }

  [[nodiscard]] const ProbePlan& Of(ProfileId profile) const noexcept {
    return plans_[profile < kMaxProfiles ? profile : kDefaultProfile];
  }

  // One that is longer than any timeout would not fit the difference of two stamps.
  void SetLap(ProfileId profile, Duration lap) noexcept {
    plans_[profile].lap = std::min(lap, kMostTimeout);
  }

  [[nodiscard]] bool any() const noexcept { return any_; }

 private:
  std::array<ProbePlan, kMaxProfiles> plans_{};
  bool any_ = false;
};

}  // namespace flatline
