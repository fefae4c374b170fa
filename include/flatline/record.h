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

// `arrival`: smoothed interval (1/8) and mean deviation (1/4) as in RFC 6298, in stamp units.
struct Arrival {
  std::uint32_t interval = 0;
  std::uint32_t deviation = 0;

  static constexpr Arrival Unpack(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
  }

  [[nodiscard]] constexpr std::uint64_t Pack() const noexcept {
    return (std::uint64_t{interval} << 32) | deviation;
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

// Where the endpoint was last heard from when it was enrolled, revived or restarted. Owner writes.
struct SourceAddress {
  std::array<std::uint8_t, 16> ip{};  // IPv4 as ::ffff:a.b.c.d
  std::uint16_t udp_port = 0;         // host order
  std::uint8_t port = 0xFF;           // of ours, by configuration order
  std::uint8_t reserved = 0;
};

static_assert(sizeof(SourceAddress) == 20);

}  // namespace flatline
