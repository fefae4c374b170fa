// The record of one endpoint: what a heartbeat reads and writes, 32 bytes, never across a cache
// line. It lives in the region; any worker may stamp it, the owning worker alone does everything
// else, and other processes read it. All fields are atomics with relaxed loads, so a torn row
// cannot be read; an `id` of 0 means that the slot is free.
#pragma once

#include <flatline/endpoint.h>
#include <flatline/liveness.h>
#include <flatline/time.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace flatline {

// `heard`: the stamp in the high half, the sequence in the low: one store says both.
struct Heard {
  Stamp stamp = 0;
  std::uint32_t sequence = 0;

  static constexpr Heard Unpack(std::uint64_t word) noexcept {
    return {static_cast<Stamp>(word >> 32), static_cast<std::uint32_t>(word)};
  }

  [[nodiscard]] constexpr std::uint64_t Pack() const noexcept {
    return (std::uint64_t{stamp} << 32) | sequence;
  }
};

// `state`: what only the owner decides, in one word so that it changes in one store.
struct EndpointState {
  Liveness liveness = Liveness::kUnknown;
  Health health = Health::kUnknown;
  ProfileId profile = kDefaultProfile;

  static constexpr EndpointState Unpack(std::uint32_t word) noexcept {
    return {static_cast<Liveness>(word & 0xFFU),
            static_cast<Health>((word >> 8) & 0xFFU),
            static_cast<ProfileId>(word >> 16)};
  }

  [[nodiscard]] constexpr std::uint32_t Pack() const noexcept {
    return static_cast<std::uint32_t>(liveness) | (static_cast<std::uint32_t>(health) << 8) |
           (std::uint32_t{profile} << 16);
  }

  constexpr bool operator==(const EndpointState&) const = default;
};

// `arrival`: what the gaps between heartbeats were like, in stamp units; a mean and a variance as
// detectors want them. Floats, because one scale has to do for gaps from a millisecond to a day.
//
//   | interval: 24 bits | count: 8 | variance: 20 | lead: 12 |     the upper bits of each float
inline constexpr std::uint32_t kMostCounted = 127;

struct Arrival {
  float interval = 0;       // mean gap between heartbeats of neighbouring sequence
  float variance = 0;       // of all gaps about it, those over lost heartbeats included
  float lead = 0;           // how long after its arrival the last one was expected; may be negative
  std::uint32_t count = 0;  // gaps that entered, up to kMostCounted

  static constexpr Arrival Unpack(std::uint64_t word) noexcept {
    const auto low = static_cast<std::uint32_t>(word);
    const auto high = static_cast<std::uint32_t>(word >> 32);
    return {std::bit_cast<float>(high & 0xFFFFFF00U),
            std::bit_cast<float>(low & 0xFFFFF000U),
            std::bit_cast<float>(low << 20),
            high & kMostCounted};
  }

  // Each rounded to the nearest: what is cut off always would add up.
  [[nodiscard]] constexpr std::uint64_t Pack() const noexcept {
    const std::uint32_t high =
        ((std::bit_cast<std::uint32_t>(interval) + 0x80U) & 0xFFFFFF00U) | (count & kMostCounted);
    const std::uint32_t low = ((std::bit_cast<std::uint32_t>(variance) + 0x800U) & 0xFFFFF000U) |
                              ((std::bit_cast<std::uint32_t>(lead) + 0x80000U) >> 20);
    return (std::uint64_t{high} << 32) | low;
  }
};

struct alignas(32) EndpointRecord {
  std::atomic<EndpointId> id{kNoEndpoint};    // owner writes
  std::atomic<std::uint64_t> heard{0};        // Heard; any worker writes
  std::atomic<std::uint32_t> incarnation{0};  // owner writes
  std::atomic<std::uint32_t> state{0};        // EndpointState; owner writes
  std::atomic<std::uint64_t> arrival{0};      // Arrival; any worker writes
};

static_assert(sizeof(EndpointRecord) == 32);

// Where the endpoint was last heard from when it was enrolled, revived or restarted, or where the
// operator says that it is; and how far that is, where it has answered a probe. Owner writes.
inline constexpr std::uint8_t kNoPort = 0xFF;
inline constexpr std::uint8_t kAnyPort = 0xFE;  // told by the operator, who named no port of ours

struct SourceAddress {
  std::array<std::uint8_t, 16> ip{};  // IPv4 as ::ffff:a.b.c.d
  std::uint16_t udp_port = 0;         // host order
  std::uint8_t port = kNoPort;        // of ours, by configuration order
  std::uint8_t round_trip = 0;        // round_trip.h; 0: never measured
};

static_assert(sizeof(SourceAddress) == 20);

}  // namespace flatline
