// How many endpoints are watched in each group and of each profile, and heard on each port, counted
// from the region in small steps by the control loop, over and over: so it is never far from the
// truth, and there is nothing to rebuild. Assumes one caller. Bounds: kMostGroups groups are
// counted one by one; a pass begins at most every kPause. Cost: a few nanoseconds a slot,
// kSlotsAtOnce of them a turn.
#pragma once

#include <flatline/endpoint.h>
#include <flatline/record.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace flatline {

class Membership {
 public:
  static constexpr std::size_t kMostGroups = 65'536;
  static constexpr std::size_t kSlotsAtOnce = 4'096;
  static constexpr Duration kPause{2'000'000'000};

  // Goes on with the pass that is running, or begins one where it is time to. True where one is
  // done.
  bool Turn(const RegionView& region, Instant now);

  // Another region: what was counted is void.
  void Forget();

  // Alive or suspect, as of the last whole pass; of kNoGroup: all, whatever their group.
  [[nodiscard]] std::uint32_t Of(Group group) const;

  [[nodiscard]] std::uint32_t OfProfile(ProfileId profile) const noexcept {
    return profile < kMaxProfiles ? whole_.of_profile.at(profile) : 0;
  }

  [[nodiscard]] std::uint32_t OnPort(std::size_t port) const noexcept {
    return port < whole_.on_port.size() ? whole_.on_port.at(port) : 0;
  }

 private:
  struct Counts {
    std::unordered_map<Group, std::uint32_t> by_group;
    std::array<std::uint32_t, kMaxPorts> on_port{};
    std::array<std::uint32_t, kMaxProfiles> of_profile{};
    std::uint32_t all = 0;
  };

  void Count(const RegionView& region, std::size_t slot);

  Counts whole_;
  Counts running_;
  std::size_t next_ = 0;  // slot
  Instant begin_at_{};
};

// Where the endpoint in a slot is heard, as far as a slot of this region is meant.
[[nodiscard]] std::uint8_t PortOf(const RegionView& region, Slot slot) noexcept;

}  // namespace flatline
