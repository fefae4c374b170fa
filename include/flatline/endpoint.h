// What names an endpoint inside flatline: its id, the slot its record lives in, its group and its
// profile; and which shard of the table it belongs to.
// Used by both planes. Pure values. Bounds: id 0 and slot 0xFFFFFFFF mean "none".
#pragma once

#include <cstdint>

namespace flatline {

using EndpointId = std::uint64_t;
using Slot = std::uint32_t;
using Group = std::uint32_t;
using ProfileId = std::uint16_t;

inline constexpr EndpointId kNoEndpoint = 0;
inline constexpr Slot kNoSlot = 0xFFFFFFFFU;
inline constexpr Group kNoGroup = 0;
// On the wire: keep the profile that was enrolled, else take the default one.
inline constexpr ProfileId kDefaultProfile = 0;
inline constexpr unsigned kMaxProfiles = 64;  // ids 1 to 63
inline constexpr unsigned kMaxWorkers = 32;
inline constexpr unsigned kMaxPorts = 16;

// Hash of an id under a key drawn at cold start, so that nobody outside can choose ids that
// collide. Two rounds of multiply and fold (Moremur constants by Pelle Evensen); the shard takes
// the high bits, the index the low ones.
constexpr std::uint64_t HashEndpoint(EndpointId id, std::uint64_t key) noexcept {
  std::uint64_t x = id ^ key;
  x ^= x >> 27;
  x *= 0x3C79AC492BA7B653ULL;
  x ^= x >> 33;
  x += key;
  x *= 0x1C69B3F74AC4AE35ULL;
  x ^= x >> 27;
  return x;
}

// The worker that owns the endpoint: it alone inserts, removes and judges it.
constexpr unsigned ShardOf(std::uint64_t hash, unsigned workers) noexcept {
  return static_cast<unsigned>(((hash >> 32) * workers) >> 32);
}

}  // namespace flatline
