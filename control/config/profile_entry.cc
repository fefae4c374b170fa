#include "control/config/profile_entry.h"

#include "control/config/contract.h"
#include "control/config/units.h"

#include <flatline/confirmation.h>
#include <flatline/detectors.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace flatline {
namespace {

constexpr std::uint32_t kIntervals = 3;  // of silence, for `fixed` and `learnt`
constexpr std::uint32_t kLevel = 8;      // of suspicion, for `phi`
constexpr std::uint32_t kDeviations = 6;
constexpr std::int64_t kLongestIntervals = 30;
constexpr std::uint32_t kProbes = 3;

constexpr unsigned Bit(DetectorKind kind) {
  return 1U << static_cast<unsigned>(kind);
}

constexpr unsigned kOfFixed = Bit(DetectorKind::kFixed);
constexpr unsigned kOfPhi = Bit(DetectorKind::kPhi);
constexpr unsigned kOfChen = Bit(DetectorKind::kChen);
constexpr unsigned kOfLearnt = Bit(DetectorKind::kLearnt);

// When a verdict may fall after its deadline: it is looked at once a tick, and the tick is one.
constexpr Duration kTwoTicks{2 << 20};

struct Use {
  std::string_view key;
  bool is_set;
  unsigned of;  // detectors
};

// The keys of some detectors only.
std::vector<Use> UsesIn(const ProfileEntry& entry) {
  return {
      Use{"threshold", entry.threshold.has_value(), kOfFixed | kOfPhi | kOfLearnt},
      Use{"acceptable_pause", entry.acceptable_pause.has_value(), kOfPhi},
      Use{"least_deviation", entry.least_deviation.has_value(), kOfPhi},
      Use{"margin", entry.margin.has_value(), kOfChen},
      Use{"deviations", entry.deviations.has_value(), kOfChen},
      Use{"longest", entry.longest.has_value(), kOfPhi | kOfChen | kOfLearnt},
  };
}

// A key that is set and not of this detector, or empty.
std::string ForeignKey(const ProfileEntry& entry, DetectorKind detector) {
  for (const Use& use : UsesIn(entry)) {
    if (use.is_set && (use.of & Bit(detector)) == 0) {
      return "profile." + std::string(use.key) + ": means nothing to detector \"" +
             std::string(kDetectorNames[static_cast<std::size_t>(detector)]) +
             "\"; remove it, or choose another detector";
    }
  }
  for (const Use& use : {Use{"mistakes_at_most_every", entry.mistakes_at_most_every.has_value(), 0},
                         Use{"mistake_lasts_at_most", entry.mistake_lasts_at_most.has_value(), 0},
                         Use{"loss", entry.loss.has_value(), 0},
                         Use{"jitter", entry.jitter.has_value(), 0}}) {
    if (use.is_set) {
      return "profile." + std::string(use.key) +
             ": part of a contract, and there is none; write detect_within, or remove it";
    }
  }
  return entry.interval ? "" : "profile.interval: missing; only a contract can do without";
}

// What is set beside a contract, and said by it already; or what it lacks; or empty.
std::string FaultInContract(const ProfileEntry& entry) {
  for (const Use& use : UsesIn(entry)) {
    if (use.is_set) {
      return "profile." + std::string(use.key) +
             ": said by the contract already; remove it, or detect_within";
    }
  }
  if (entry.detector.value_or(DetectorKind::kChen) != DetectorKind::kChen) {
    return "profile.detector: a contract is kept by \"chen\"; remove it, or detect_within";
  }
  return entry.mistakes_at_most_every
             ? ""
             : "profile.mistakes_at_most_every: missing; a contract needs it beside detect_within";
}

std::string Seconds(std::uint32_t stamp_units) {
  const auto ms = (kStampUnit * stamp_units).count() / 1'000'000;
  return PrintDuration(Duration{ms * 1'000'000});
}

// A pull that comes oftener than this is no business of a detector of silence.
constexpr Duration kLeastPull{10'000'000};

// What is the matter with the ways of asking, or empty.
std::string FaultInAsking(const ProfileEntry& entry) {
  if (entry.probe == ProbeKind::kOff && entry.probes) {
    return "profile.probes: nobody is asked; write probe = \"native\" or \"echo\", or remove it";
  }
  if (entry.probe == ProbeKind::kOff && entry.pull) {
    return "profile.pull: nobody is asked; write probe = \"native\" or \"echo\", or remove it";
  }
  if (entry.pull && entry.interval.value_or(kLeastPull) < kLeastPull) {
    return "profile.pull: an interval of " + PrintDuration(*entry.interval) +
           " is too short to ask in; write at least \"" + PrintDuration(kLeastPull) + "\"";
  }
  if (entry.probe == ProbeKind::kEcho && entry.authentication == Authentication::kRequired) {
    return "profile.probe: an echo has no tag, and tags are required; write \"native\"";
  }
  return {};
}

// The entry that keeps the contract: suspect where margin and confirmation leave the promise.
std::expected<ProfileEntry, std::string> Fulfil(const ProfileEntry& entry) {
  if (std::string fault = FaultInContract(entry); !fault.empty()) {
    return std::unexpected(std::move(fault));
  }
  Contract contract = ContractOf(entry);
  contract.promise.detection -= kTwoTicks;
  const auto interval = IntervalFor(contract, entry.interval);
  if (!interval) {
    return std::unexpected("profile.detect_within: " + interval.error());
  }
  const Duration spare = contract.promise.detection - *interval;
  ProfileEntry out;
  out.id = entry.id;
  out.name = entry.name;
  out.authentication = entry.authentication;
  out.probe = entry.probe;
  out.probes = entry.probes;
  out.pull = entry.pull;
  out.least_confirmation = entry.least_confirmation;
  out.interval = *interval;
  out.detector = DetectorKind::kChen;
  out.confirmation = entry.confirmation != Duration{}
                         ? entry.confirmation
                         : std::max(std::min(*interval, spare / 2), kLeastTimeout);
  if (spare - out.confirmation < kStampUnit) {
    return std::unexpected("profile.confirmation: " + PrintDuration(out.confirmation) +
                           " leaves no margin; with heartbeats every " + PrintDuration(*interval) +
                           " detect_within spares " + Seconds(StampUnits(spare)));
  }
  out.margin = spare - out.confirmation;
  out.deviations = 0;
  out.longest = *interval + *out.margin;
  return out;
}

// What is the matter with the times of a profile, or empty.
std::string FaultIn(const Profile& profile) {
  const bool is_fixed = profile.detector == DetectorKind::kFixed;
  if (profile.timeout < kLeastTimeout || profile.timeout > kMostTimeout) {
    return std::string(is_fixed ? "profile: interval times threshold" : "profile.longest") +
           " is " + PrintDuration(profile.timeout) + "; it has to be from " +
           PrintDuration(kLeastTimeout) + " to " + PrintDuration(kMostTimeout);
  }
  Profile unbounded = profile;
  unbounded.timeout = kMostTimeout;
  if (profile.least_confirmation != Duration{} && !IsShortened(profile)) {
    return "profile.least_confirmation: " + PrintDuration(profile.least_confirmation) +
           " is no less than the confirmation of " + PrintDuration(profile.confirmation) +
           "; lower it, or remove it";
  }
  const std::uint32_t least = RuleOf(unbounded).least;
  if (!is_fixed && least >= StampUnits(profile.timeout)) {
    return "profile.longest: " + PrintDuration(profile.timeout) +
           " is no more than the least that is allowed, " + Seconds(least) +
           "; raise it, or use detector \"fixed\"";
  }
  return {};
}

// The profile of an entry that says how it judges.
std::expected<Profile, std::string> Judged(const ProfileEntry& entry) {
  const DetectorKind detector = entry.detector.value_or(DetectorKind::kFixed);
  if (std::string foreign = ForeignKey(entry, detector); !foreign.empty()) {
    return std::unexpected(std::move(foreign));
  }
  const bool is_fixed = detector == DetectorKind::kFixed;
  const Duration interval = entry.interval.value_or(Duration{});  // there is one: no key is foreign
  const Duration confirmation =
      entry.confirmation != Duration{} ? entry.confirmation : std::max(interval, kLeastTimeout);
  const std::uint32_t usual_threshold = detector == DetectorKind::kPhi ? kLevel : kIntervals;
  Profile out =
      MakeProfile(entry.name, interval, entry.threshold.value_or(usual_threshold), confirmation);
  out.detector = detector;
  out.least_confirmation = entry.least_confirmation.value_or(Duration{});
  out.probe = entry.probe;
  out.probes = static_cast<std::uint8_t>(
      entry.probe == ProbeKind::kOff ? 0 : entry.probes.value_or(kProbes));
  out.pull = entry.pull ? 1 : 0;
  if (!is_fixed) {
    const Duration usual = std::clamp(interval * kLongestIntervals, kLeastTimeout, kMostTimeout);
    out.timeout = entry.longest.value_or(usual);
  }
  if (detector == DetectorKind::kPhi) {
    out.allowance = entry.acceptable_pause.value_or(interval);
    out.least_deviation = entry.least_deviation.value_or(interval / 10);
  } else if (detector == DetectorKind::kChen) {
    out.threshold = 0;
    out.allowance = entry.margin.value_or(interval);
    out.deviations = entry.deviations.value_or(kDeviations);
  }
  if (std::string fault = FaultIn(out); !fault.empty()) {
    return std::unexpected(std::move(fault));
  }
  return out;
}

}  // namespace

Contract ContractOf(const ProfileEntry& entry) {
  Contract out;
  if (entry.detect_within) {
    out.promise = {.detection = *entry.detect_within,
                   .recurrence = entry.mistakes_at_most_every.value_or(Duration{}),
                   .mistake = entry.mistake_lasts_at_most.value_or(*entry.detect_within)};
    out.path.loss = entry.loss.value_or(out.path.loss);
    out.path.jitter = entry.jitter.value_or(out.path.jitter);
  }
  return out;
}

std::expected<Profile, std::string> ProfileOf(const ProfileEntry& entry) {
  if (std::string fault = FaultInAsking(entry); !fault.empty()) {
    return std::unexpected(std::move(fault));
  }
  if (!entry.detect_within) {
    return Judged(entry);
  }
  const auto fulfilled = Fulfil(entry);
  return fulfilled ? Judged(*fulfilled) : std::unexpected(fulfilled.error());
}

ProfileEntry EntryOf(ProfileId id, const Profile& profile, const Contract& contract) {
  ProfileEntry out;
  out.id = id;
  out.name = profile.name.data();
  out.interval = profile.interval;
  out.detector = profile.detector;
  out.confirmation = profile.confirmation;
  if (IsShortened(profile)) {
    out.least_confirmation = profile.least_confirmation;
  }
  out.probe = profile.probe;
  if (profile.probe != ProbeKind::kOff) {
    out.probes = profile.probes;
  }
  out.pull = profile.pull != 0;
  if (contract.is_made()) {
    out.detect_within = contract.promise.detection;
    out.mistakes_at_most_every = contract.promise.recurrence;
    out.mistake_lasts_at_most = contract.promise.mistake;
    out.loss = contract.path.loss;
    out.jitter = contract.path.jitter;
    return out;
  }
  if (profile.detector != DetectorKind::kChen) {
    out.threshold = profile.threshold;
  }
  if (profile.detector == DetectorKind::kPhi) {
    out.acceptable_pause = profile.allowance;
    out.least_deviation = profile.least_deviation;
  } else if (profile.detector == DetectorKind::kChen) {
    out.margin = profile.allowance;
    out.deviations = profile.deviations;
  }
  if (profile.detector != DetectorKind::kFixed) {
    out.longest = profile.timeout;
  }
  return out;
}

std::string ExplainProfile(const Profile& profile) {
  const SilenceRule rule = RuleOf(profile);
  std::string out = std::string(profile.name.data()) + ": " +
                    std::string(kDetectorNames[static_cast<std::size_t>(profile.detector)]) +
                    ", suspect after ";
  if (rule.is_constant()) {
    out += Seconds(rule.least);
  } else {
    const Arrival none;
    out += Seconds(rule.least) + " to " + Seconds(rule.most) +
           " by its history (a newcomer: " + Seconds(AllowedSilence(rule, none)) + ")";
  }
  out += ", dead " + PrintDuration(profile.confirmation) + " later";
  if (IsShortened(profile)) {
    out += " (with evidence sooner:";
    for (int witnesses = 1; witnesses <= WitnessesOf(profile); ++witnesses) {
      out +=
          (witnesses == 1 ? " " : ", ") + Seconds(StampUnits(ConfirmationBy(witnesses, profile)));
    }
    out += ")";
  }
  if (profile.probe == ProbeKind::kOff) {
    return out;
  }
  const std::string how = profile.probe == ProbeKind::kEcho ? "by echo" : "by probe";
  if (profile.pull != 0) {
    out += "; asked " + how + " every " + PrintDuration(profile.interval);
  }
  return out + "; a suspect is asked " + how + ", " + std::to_string(profile.probes) +
         " times, before it is dead";
}

}  // namespace flatline
