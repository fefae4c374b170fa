// Leases: the right of one endpoint at a time to act under a name, for a term, with a fencing token
// that never goes back. Here is what they are called, what their tokens are made of, and how they
// stand in the region, where the worker that owns a name writes and any process reads them. Pure
// values. Whatever is in an entry may be made up: Join nothing by it. Cost: a line for each lease.
//
//   free ------granted------> held ------expired (its term ran out)-----> free
//                             |  ^ `-----released (its holder's word)---> free
//                             +--+ renewed: the same token, a later end
//   token: | epoch, 24 bits: of the durable file | counter, 40 bits: of the owner |
#pragma once

#include <flatline/endpoint.h>
#include <flatline/versioned.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace flatline {

// What a lease is on. Spaces keep apart what users number themselves and what is derived.
enum class LeaseSpace : std::uint8_t {
  kName = 0,    // a number of the users' own, for whoever asks first
  kOwn = 1,     // an endpoint, by its id: one life of it at a time may act for it
  kLeader = 2,  // a group, by its number: one of its members at a time
};

inline constexpr std::array<std::string_view, 3> kLeaseSpaceNames{"name", "own", "leader"};

struct LeaseName {
  LeaseSpace space = LeaseSpace::kName;
  std::uint64_t number = 0;

  constexpr bool operator==(const LeaseName&) const = default;
};

// By it the name has its owner, as an endpoint has.
constexpr std::uint64_t HashLease(const LeaseName& name, std::uint64_t key) noexcept {
  return HashEndpoint(name.number ^ (static_cast<std::uint64_t>(name.space) << 62), key);
}

// Of one tenure of a lease: renewals keep it, the next holder's is greater. 0: none. Tokens of one
// name compare, those of two mean nothing to each other.
using FencingToken = std::uint64_t;

inline constexpr int kTokenCounterBits = 40;
inline constexpr std::uint64_t kMostTokenCounter = (std::uint64_t{1} << kTokenCounterBits) - 1;
inline constexpr std::uint64_t kMostLeaseEpoch = (std::uint64_t{1} << (64 - kTokenCounterBits)) - 1;

constexpr FencingToken TokenOf(std::uint64_t epoch, std::uint64_t counter) noexcept {
  return (epoch << kTokenCounterBits) | counter;
}

constexpr std::uint64_t EpochOf(FencingToken token) noexcept {
  return token >> kTokenCounterBits;
}

constexpr std::uint64_t CounterOf(FencingToken token) noexcept {
  return token & kMostTokenCounter;
}

// A lease that is held; nobody's has the holder 0.
struct Lease {
  std::uint64_t number = 0;
  FencingToken token = 0;
  EndpointId holder = kNoEndpoint;
  std::int64_t expires_ns = 0;  // HearingInstant
  std::uint64_t asked_ns = 0;   // the holder's clock in the last request that counted
  std::uint32_t incarnation = 0;
  Group group = kNoGroup;     // of the holder
  std::uint32_t term_ms = 0;  // granted last
  LeaseSpace space = LeaseSpace::kName;
  std::array<std::uint8_t, 3> reserved{};

  [[nodiscard]] constexpr LeaseName name() const noexcept {
    return {.space = space, .number = number};
  }

  constexpr bool operator==(const Lease&) const = default;
};

using LeaseEntry = Versioned<Lease>;

static_assert(sizeof(LeaseEntry) == 64);

// What one worker's leases have in common. Worker writes, and main before it turns.
struct alignas(64) LeaseState {
  std::atomic<std::uint64_t> epoch{0};          // of the tokens given out; 0: none ever were
  std::atomic<std::uint64_t> counter{0};        // of the last of them
  std::atomic<std::int64_t> waits_until_ns{0};  // HearingInstant: what a life that is forgotten may
                                                // have granted has run out; nothing before it
  std::atomic<std::int64_t> longest_ns{0};      // term that may be granted
  std::atomic<std::uint32_t> grants{0};         // 0: there is no epoch, nothing new is granted
};

static_assert(sizeof(LeaseState) == 64);

}  // namespace flatline
