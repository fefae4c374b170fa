// A profile: a named timing class that endpoints belong to, and the ones that are built in.
// Read from the configuration, copied into the region, used by the detector.
// Bounds: the timeout and the confirmation are each between 1 ms and 24 hours.
#pragma once

#include <flatline/endpoint.h>
#include <flatline/time.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace flatline {

// How silence is judged (flatline/detectors.h).
enum class DetectorKind : std::uint8_t { kFixed, kPhi, kChen, kLearnt };

inline constexpr std::array<std::string_view, 4> kDetectorNames{"fixed", "phi", "chen", "learnt"};

// How an endpoint is asked whether it is there, if at all: by a message of ours, which its agent
// answers (heartbeat.h), or by an ICMP echo, which every host answers.
enum class ProbeKind : std::uint8_t { kOff, kNative, kEcho };

inline constexpr std::array<std::string_view, 3> kProbeNames{"off", "native", "echo"};
inline constexpr std::uint8_t kMostProbes = 10;

struct Profile {
  std::array<char, 32> name{};  // zero-terminated; empty where the id is not in use
  Duration interval{};          // between two heartbeats
  Duration timeout{};           // alive -> suspect after this silence; but for fixed: at the latest
  Duration confirmation{};      // suspect -> dead after this much more
  Duration least_confirmation{};  // the same, where all evidence speaks for it (confirmation.h);
                                  // zero: no evidence makes it shorter
  Duration allowance{};           // phi: acceptable pause; chen: margin
  Duration least_deviation{};     // phi, and for the level of suspicion: no history is steadier
  std::uint32_t threshold = 0;    // fixed, learnt: intervals; phi: level of suspicion
  std::uint32_t deviations = 0;   // chen: of the arrivals, added to the margin
  DetectorKind detector = DetectorKind::kFixed;
  ProbeKind probe = ProbeKind::kOff;
  std::uint8_t probes = 0;  // to one who is suspect, before it is dead
  std::uint8_t pull = 0;    // 1: asked once an interval too, each answer a heartbeat
  std::array<std::uint8_t, 4> reserved{};

  [[nodiscard]] constexpr bool in_use() const noexcept { return name[0] != '\0'; }
};

static_assert(sizeof(Profile) == 96);

inline constexpr Duration kLeastTimeout{1'000'000};
inline constexpr Duration kMostTimeout{86'400'000'000'000};

constexpr Profile MakeProfile(std::string_view name,
                              Duration interval,
                              std::uint32_t threshold,
                              Duration confirmation) noexcept {
  Profile out;
  for (std::size_t i = 0; i < name.size() && i + 1 < out.name.size(); ++i) {
    out.name[i] = name[i];
  }
  out.interval = interval;
  out.timeout = interval * threshold;
  out.confirmation = confirmation;
  out.threshold = threshold;
  out.least_deviation = interval / 10;
  return out;
}

constexpr Duration Milliseconds(std::int64_t ms) noexcept {
  return Duration{ms * 1'000'000};
}

// Ids 1 to 5, in this order. Confirmation is one more interval. Own profiles begin at 16.
inline constexpr std::array<Profile, 5> kBuiltInProfiles{
    MakeProfile("leader-election", Milliseconds(100), 3, Milliseconds(100)),
    MakeProfile("database", Milliseconds(1'000), 3, Milliseconds(1'000)),
    MakeProfile("mesh", Milliseconds(5'000), 3, Milliseconds(5'000)),
    MakeProfile("monitoring", Milliseconds(30'000), 3, Milliseconds(30'000)),
    MakeProfile("node", Milliseconds(10'000), 4, Milliseconds(10'000))};
inline constexpr ProfileId kFirstBuiltInProfile = 1;
inline constexpr ProfileId kFirstOwnProfile = 16;

}  // namespace flatline
