// What is odd about an endpoint and yet no reason to call it dead: enrolled and never heard, heard
// by another port of ours than usual, speaking at another interval than its profile promises, with
// a clock far from ours. Read from the region as it is, without a lock, so nothing of it costs the
// dataplane anything; what only a heartbeat can tell is known of those heartbeats that the owner
// looked at (dataplane/README.md). Used by get, list and status. Cost: a scan of the records.
#pragma once

#include "control/cli/said.h"

#include <flatline/region.h>

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace flatline::cli {

enum class Oddity : std::uint8_t { kNeverHeard, kOtherPort, kInterval, kClock };

inline constexpr std::array<std::string_view, 4> kOddityNames{
    "never-heard", "other-port", "interval", "clock"};

// Bit n: Oddity n.
using OddityMask = std::uint32_t;
inline constexpr OddityMask kEveryOddity = (1U << kOddityNames.size()) - 1;

constexpr OddityMask BitOf(Oddity oddity) noexcept {
  return 1U << static_cast<unsigned>(oddity);
}

// A clock further off than this is far off.
inline constexpr Duration kFarOff{1'000'000'000};

// What the latest payloads tell of their heartbeats.
class Sampled {
 public:
  Sampled(const RegionView& region, const Clocks& clocks);

  [[nodiscard]] bool IsFarOff(EndpointId id) const { return far_.contains(id); }

  // Of ours, by which it was heard; kNoPort where there is no payload.
  [[nodiscard]] std::uint8_t PortOf(EndpointId id) const;

  // Of how many the clock is known.
  [[nodiscard]] std::uint64_t clocks() const { return clocks_; }

 private:
  void NoteClock(EndpointId id, std::optional<Duration> ahead);

  std::unordered_map<EndpointId, std::uint8_t> ports_;
  std::unordered_set<EndpointId> far_;
  std::uint64_t clocks_ = 0;
};

// Of who is in the slot; 0 where nobody is.
[[nodiscard]] OddityMask OdditiesIn(const RegionView& region, Slot slot, const Sampled& sampled);

struct OddityCounts {
  std::array<std::uint64_t, kOddityNames.size()> endpoints{};
  std::uint64_t clocks_told = 0;
};

[[nodiscard]] OddityCounts CountOddities(const RegionView& region, const Clocks& clocks);

[[nodiscard]] std::string OddityText(OddityMask mask);  // "interval, clock"; empty: none
[[nodiscard]] nlohmann::ordered_json OddityJson(OddityMask mask);
[[nodiscard]] std::string OddityCountsText(const OddityCounts& counts);  // one line
[[nodiscard]] nlohmann::ordered_json OddityCountsJson(const OddityCounts& counts);

}  // namespace flatline::cli
