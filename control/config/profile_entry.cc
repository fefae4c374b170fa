#include "control/config/profile_entry.h"

#include "control/config/units.h"

#include <flatline/detectors.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace flatline {
namespace {

constexpr std::uint32_t kIntervals = 3;  // of silence, for `fixed` and `learnt`
constexpr std::uint32_t kLevel = 8;      // of suspicion, for `phi`
constexpr std::uint32_t kDeviations = 6;
constexpr std::int64_t kLongestIntervals = 30;

constexpr unsigned Bit(DetectorKind kind) {
  return 1U << static_cast<unsigned>(kind);
}

constexpr unsigned kOfFixed = Bit(DetectorKind::kFixed);
constexpr unsigned kOfPhi = Bit(DetectorKind::kPhi);
constexpr unsigned kOfChen = Bit(DetectorKind::kChen);
constexpr unsigned kOfLearnt = Bit(DetectorKind::kLearnt);

// A key that is set and not of this detector, or empty.
std::string ForeignKey(const ProfileEntry& entry) {
  struct Use {
    std::string_view key;
    bool is_set;
    unsigned of;
  };

  const auto uses = {
      Use{"threshold", entry.threshold.has_value(), kOfFixed | kOfPhi | kOfLearnt},
      Use{"acceptable_pause", entry.acceptable_pause.has_value(), kOfPhi},
      Use{"least_deviation", entry.least_deviation.has_value(), kOfPhi},
      Use{"margin", entry.margin.has_value(), kOfChen},
      Use{"deviations", entry.deviations.has_value(), kOfChen},
      Use{"longest", entry.longest.has_value(), kOfPhi | kOfChen | kOfLearnt},
  };
  for (const Use& use : uses) {
    if (use.is_set && (use.of & Bit(entry.detector)) == 0) {
      return "profile." + std::string(use.key) + ": means nothing to detector \"" +
             std::string(kDetectorNames[static_cast<std::size_t>(entry.detector)]) +
             "\"; remove it, or choose another detector";
    }
  }
  return {};
}

std::string Seconds(std::uint32_t stamp_units) {
  const auto ms = (kStampUnit * stamp_units).count() / 1'000'000;
  return PrintDuration(Duration{ms * 1'000'000});
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
  const std::uint32_t least = RuleOf(unbounded).least;
  if (!is_fixed && least >= StampUnits(profile.timeout)) {
    return "profile.longest: " + PrintDuration(profile.timeout) +
           " is no more than the least that is allowed, " + Seconds(least) +
           "; raise it, or use detector \"fixed\"";
  }
  return {};
}

}  // namespace

std::expected<Profile, std::string> ProfileOf(const ProfileEntry& entry) {
  if (std::string foreign = ForeignKey(entry); !foreign.empty()) {
    return std::unexpected(std::move(foreign));
  }
  const bool is_fixed = entry.detector == DetectorKind::kFixed;
  const Duration interval = entry.interval;
  const Duration confirmation =
      entry.confirmation != Duration{} ? entry.confirmation : std::max(interval, kLeastTimeout);
  const std::uint32_t usual_threshold = entry.detector == DetectorKind::kPhi ? kLevel : kIntervals;
  Profile out =
      MakeProfile(entry.name, interval, entry.threshold.value_or(usual_threshold), confirmation);
  out.detector = entry.detector;
  if (!is_fixed) {
    const Duration usual = std::clamp(interval * kLongestIntervals, kLeastTimeout, kMostTimeout);
    out.timeout = entry.longest.value_or(usual);
  }
  if (entry.detector == DetectorKind::kPhi) {
    out.allowance = entry.acceptable_pause.value_or(interval);
    out.least_deviation = entry.least_deviation.value_or(interval / 10);
  } else if (entry.detector == DetectorKind::kChen) {
    out.threshold = 0;
    out.allowance = entry.margin.value_or(interval);
    out.deviations = entry.deviations.value_or(kDeviations);
  }
  if (std::string fault = FaultIn(out); !fault.empty()) {
    return std::unexpected(std::move(fault));
  }
  return out;
}

ProfileEntry EntryOf(ProfileId id, const Profile& profile) {
  ProfileEntry out{.id = id,
                   .name = profile.name.data(),
                   .interval = profile.interval,
                   .detector = profile.detector,
                   .confirmation = profile.confirmation,
                   .threshold = {},
                   .acceptable_pause = {},
                   .least_deviation = {},
                   .margin = {},
                   .deviations = {},
                   .longest = {}};
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
  return out + ", dead " + PrintDuration(profile.confirmation) + " later";
}

}  // namespace flatline
