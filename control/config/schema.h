// The schema of the configuration: for each table of the file its keys, each with how it is read,
// checked and printed. One list drives the reader, the printer and the test that holds the
// commented example to it. Adding a key is adding a row in schema.cc.
#pragma once

#include "control/config/value.h"

#include <flatline/config.h>

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

template <typename Section>
struct Key {
  std::string_view name;
  std::function<void(const Value&, Section&)> read;
  std::function<std::string(const Section&)> print;
  bool required = false;
};

template <typename Section>
using Keys = std::vector<Key<Section>>;

using Profiles = std::array<Profile, kMaxProfiles>;

// [[profile]], before it is a Profile.
struct ProfileEntry {
  ProfileId id = kDefaultProfile;
  std::string name;
  std::optional<Duration> interval;            // only a contract can do without
  std::optional<DetectorKind> detector;        // fixed; of a contract chen
  Duration confirmation{};                     // zero: one more interval
  std::optional<Duration> least_confirmation;  // none: evidence makes it no shorter
  Authentication authentication = Authentication::kDefault;
  ProbeKind probe = ProbeKind::kOff;
  std::optional<std::uint32_t> probes;  // of each suspicion, where there are any
  bool pull = false;
  // Each of some detectors only: where the entry is silent they have none, and the detector's
  // default holds (profile_entry.h).
  std::optional<std::uint32_t> threshold;
  std::optional<Duration> acceptable_pause;
  std::optional<Duration> least_deviation;
  std::optional<Duration> margin;
  std::optional<std::uint32_t> deviations;
  std::optional<Duration> longest;
  // A contract, which says all of them.
  std::optional<Duration> detect_within;
  std::optional<Duration> mistakes_at_most_every;
  std::optional<Duration> mistake_lasts_at_most;
  std::optional<double> loss;
  std::optional<Duration> jitter;
};

[[nodiscard]] Keys<Config> TopKeys();
// `profiles` gives default_profile its names; it must outlive the keys.
[[nodiscard]] Keys<DataplaneConfig> DataplaneKeys(const Profiles& profiles);
[[nodiscard]] Keys<PortConfig> PortKeys();
[[nodiscard]] Keys<ControlConfig> ControlKeys();
[[nodiscard]] Keys<AuthenticationConfig> AuthenticationKeys();
[[nodiscard]] Keys<GuardConfig> GuardKeys();
[[nodiscard]] Keys<MassFailureConfig> MassFailureKeys();
[[nodiscard]] Keys<FlapSettings> FlappingKeys();
[[nodiscard]] Keys<ProfileEntry> ProfileKeys();

// The tables of the file.
inline constexpr std::array<std::string_view, 8> kTables{"dataplane",
                                                         "control",
                                                         "authentication",
                                                         "guard",
                                                         "mass_failure",
                                                         "flapping",
                                                         "port",
                                                         "profile"};

template <typename Section>
std::vector<std::string_view> NamesOf(const Keys<Section>& keys) {
  std::vector<std::string_view> out;
  for (const Key<Section>& key : keys) {
    out.push_back(key.name);
  }
  return out;
}

}  // namespace flatline
