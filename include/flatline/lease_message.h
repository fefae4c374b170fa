// Requests for leases and their answers on the wire: a heartbeat's 40 bytes of kind lease-request
// or lease-grant, and exactly one payload element of 32 bytes. Decoded by the dataplane, encoded by
// its answers; the C twin for agents is agent_lease.h, and tests hold the two together. Assumes
// nothing of its input. Both have the same length, so that an answer is never longer than what
// asked for it. `sent_ns` of the request is the clock by which its sender counts its term, never 0;
// the answer repeats it, with id, incarnation and sequence.
//
//   0 type 10 or 11  1 length 32  2 space  3 wish or answer  4 zero  6 term, ms  10 number
//   18 token  26 holder
#pragma once

#include <flatline/endpoint.h>
#include <flatline/lease.h>
#include <flatline/wire.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace flatline {

inline constexpr std::uint8_t kElementLeaseRequest = 10;
inline constexpr std::uint8_t kElementLeaseGrant = 11;
inline constexpr std::size_t kLeaseValue = 32;
inline constexpr std::size_t kLeasePayload = 2 + kLeaseValue;

// What a request wants.
enum class LeaseWish : std::uint8_t {
  kTake = 0,     // to have it, or to keep it, for `term_ms` from now
  kRelease = 1,  // to be rid of the tenure of `token`
};

// What it is told. But where granted, `token` and `holder` are those of who holds it, if anybody,
// and `term_ms` is how long to wait at least, if that is known.
enum class LeaseAnswer : std::uint8_t {
  kGranted = 0,      // for `term_ms` from the instant at which it was asked for, with `token`
  kReleased = 1,     // or nobody had it
  kHeld = 2,         // by another endpoint, or another life of this one
  kWaits = 3,        // flatline began cold, and what it granted before may still be held
  kFull = 4,         // no room for another lease
  kNotGranting = 5,  // the file of the epoch is not usable: see flatline's log
  kNotEntitled = 6,  // another endpoint's own, or the leader's of a group it is no member of
  kNotAlive = 7,     // no heartbeat of this life counts yet: beat first
  kNotHeld = 8,      // to be released: by this life, with this token
};

inline constexpr std::array<std::string_view, 9> kLeaseAnswerNames{"granted",
                                                                   "released",
                                                                   "held",
                                                                   "waits",
                                                                   "full",
                                                                   "not-granting",
                                                                   "not-entitled",
                                                                   "not-alive",
                                                                   "not-held"};

// The element, of either type; `what` is a LeaseWish or a LeaseAnswer.
struct LeaseMessage {
  LeaseName name;
  std::uint8_t what = 0;
  std::uint32_t term_ms = 0;
  FencingToken token = 0;
  EndpointId holder = kNoEndpoint;

  constexpr bool operator==(const LeaseMessage&) const = default;
};

// Nothing where the payload is not exactly one such element, with a space that there is.
constexpr std::optional<LeaseMessage> DecodeLease(std::span<const std::byte> payload,
                                                  std::uint8_t type) noexcept {
  if (payload.size() != kLeasePayload || static_cast<std::uint8_t>(payload[0]) != type ||
      static_cast<std::size_t>(payload[1]) != kLeaseValue) {
    return std::nullopt;
  }
  const std::byte* at = payload.data() + 2;
  const auto space = static_cast<std::uint8_t>(at[0]);
  if (space >= kLeaseSpaceNames.size() || wire::Load<std::uint16_t>(at + 2) != 0) {
    return std::nullopt;
  }
  return LeaseMessage{.name = {.space = static_cast<LeaseSpace>(space),
                               .number = wire::Load<std::uint64_t>(at + 8)},
                      .what = static_cast<std::uint8_t>(at[1]),
                      .term_ms = wire::Load<std::uint32_t>(at + 4),
                      .token = wire::Load<std::uint64_t>(at + 16),
                      .holder = wire::Load<std::uint64_t>(at + 24)};
}

constexpr void EncodeLease(const LeaseMessage& message,
                           std::uint8_t type,
                           std::span<std::byte, kLeasePayload> out) noexcept {
  std::byte* at = out.data() + 2;
  out[0] = static_cast<std::byte>(type);
  out[1] = static_cast<std::byte>(kLeaseValue);
  at[0] = static_cast<std::byte>(message.name.space);
  at[1] = static_cast<std::byte>(message.what);
  wire::Store<std::uint16_t>(at + 2, 0);
  wire::Store<std::uint32_t>(at + 4, message.term_ms);
  wire::Store<std::uint64_t>(at + 8, message.name.number);
  wire::Store<std::uint64_t>(at + 16, message.token);
  wire::Store<std::uint64_t>(at + 24, message.holder);
}

}  // namespace flatline
