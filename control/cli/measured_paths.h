// What the ways to the endpoints do to heartbeats, as the region tells it: how many get lost, by
// two looks at the sequences and at what was heard meanwhile; and how irregularly those of each
// profile come, by the history in each record. Used by `flatline contract`. Some nanoseconds a
// slot, 12 bytes of memory for each.
#pragma once

#include <flatline/config.h>
#include <flatline/region.h>

#include <array>
#include <cstdint>
#include <vector>

namespace flatline::cli {

// One look. The loss between two is of the whole fleet: nobody counts what one endpoint sent and
// was not heard of.
class SequencesSeen {
 public:
  explicit SequencesSeen(const RegionView& region);

  // The share of what was sent since `before` that did not count, by those who were there both
  // times, in one incarnation. 0 where nothing was sent.
  [[nodiscard]] double LossSince(const SequencesSeen& before) const;

 private:
  struct Seen {
    std::uint32_t id_low = 0;
    std::uint32_t incarnation = 0;
    std::uint32_t sequence = 0;
  };

  std::uint64_t heard_ = 0;
  std::vector<Seen> slots_;
};

// Of a profile's endpoints that are alive and known well enough to speak of.
struct ProfilePaths {
  std::uint64_t endpoints = 0;
  std::uint64_t keep = 0;   // their contract, on their own path
  Duration jitter{};        // half of them have less,
  Duration worst_jitter{};  // 99 of 100
};

// Of all profiles with a contract, with this loss. A heartbeat's jitter is taken to be its gap's by
// the root of two; a gap over lost ones counts in it, so it is no less than the truth.
[[nodiscard]] std::array<ProfilePaths, kMaxProfiles> MeasurePaths(
    const RegionView& region, const std::array<Contract, kMaxProfiles>& contracts, double loss);

}  // namespace flatline::cli
