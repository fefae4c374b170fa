#include "control/config/contract_advice.h"

#include "control/config/contract.h"
#include "control/config/profile_entry.h"
#include "control/config/units.h"
#include "control/config/value.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

namespace flatline {
namespace {

constexpr double kMostLoss = 0.99;
// Below this nobody can have measured it.
constexpr double kLeastLoss = 1e-5;
constexpr Duration kLeastJitter{1'000};
constexpr Duration kMostJitter{3'600'000'000'000};

// Up, to two significant digits.
double RoundUp(double value) {
  const double scale = std::pow(10, 1 - std::floor(std::log10(value)));
  return std::ceil(value * scale - 1e-9) / scale;
}

// Down, to three.
Duration RoundDown(Duration duration) {
  std::int64_t unit = 1;
  while (duration.count() / unit >= 1000) {
    unit *= 10;
  }
  return Duration{duration.count() / unit * unit};
}

Duration RoundUp(Duration duration) {
  return Duration{std::llround(RoundUp(static_cast<double>(duration.count())))};
}

Path Rounded(const Path& path) {
  return {.loss = std::min(RoundUp(std::max(path.loss, kLeastLoss)), kMostLoss),
          .jitter = std::min(RoundUp(std::max(path.jitter, kLeastJitter)), kMostJitter)};
}

std::expected<ContractAdvice, std::string> AdviceOf(const ProfileEntry& entry, const Path& path) {
  const auto profile = ProfileOf(entry);
  if (!profile) {
    return std::unexpected(profile.error());
  }
  return ContractAdvice{.path = path,
                        .detection = entry.detect_within.value_or(Duration{}),
                        .interval = profile->interval,
                        .margin = profile->allowance,
                        .confirmation = profile->confirmation};
}

// The least detect_within with which the interval of `entry` keeps the rest of the promise;
// nothing: a day would not do.
std::optional<Duration> LeastDetection(ProfileEntry entry) {
  const auto keeps = [&entry](Duration detection) {
    entry.detect_within = detection;
    return ProfileOf(entry).has_value();
  };
  Duration below = entry.detect_within.value_or(kLeastTimeout);
  Duration above = below;
  while (!keeps(above)) {
    if (above >= kMostTimeout) {
      return std::nullopt;
    }
    below = above;
    above = std::min(above * 2, kMostTimeout);
  }
  while (above - below > above / 1000) {
    const Duration middle = below + (above - below) / 2;
    (keeps(middle) ? above : below) = middle;
  }
  return std::min(RoundUp(above), kMostTimeout);
}

}  // namespace

std::expected<ContractAdvice, std::string> AdviseOn(const Profile& profile,
                                                    const Contract& contract,
                                                    const Path& measured) {
  const Path path = Rounded(measured);
  ProfileEntry entry = EntryOf(kFirstOwnProfile, profile, {contract.promise, path});
  entry.confirmation = {};
  entry.interval.reset();
  if (const auto longest = AdviceOf(entry, path)) {
    entry.interval = RoundDown(longest->interval);
    const auto rounded = AdviceOf(entry, path);
    return rounded ? rounded : longest;
  }
  entry.interval = profile.interval;
  entry.detect_within = LeastDetection(entry);
  if (!entry.detect_within) {
    return std::unexpected("with " + PrintPath(path) + " heartbeats every " +
                           PrintDuration(profile.interval) +
                           " keep the rest of the promise within no day");
  }
  return AdviceOf(entry, path);
}

std::string PrintAdvice(const ContractAdvice& advice,
                        const Contract& contract,
                        const std::string& indent) {
  const auto quoted = [](Duration duration) { return "\"" + PrintDuration(duration) + "\"\n"; };
  std::string out;
  if (advice.detection != contract.promise.detection) {
    out += indent + "detect_within = " + quoted(advice.detection);
  }
  out += indent + "loss = " + PrintShare(advice.path.loss) + "\n";
  out += indent + "jitter = " + quoted(advice.path.jitter);
  return out + indent + "interval = " + quoted(advice.interval);
}

}  // namespace flatline
