// The heartbeat on the wire: 40 bytes, big-endian, over UDP, then an optional payload of
// type-length-value elements. Decoded by the dataplane, encoded by agents, the generator and
// replies. Assumes nothing of its input. The C twin for agents is agent.h; tests hold the two
// together. Cost: a handful of loads and byte swaps, no allocation, no branch per byte.
//
//   0 magic "FL"  2 version  3 kind  4 flags  5 health  6 profile asked for (0: as enrolled)
//   8 endpoint id  16 incarnation  20 sequence  24 sender's clock, ns since the epoch (0: not
//   given) 32 handle, from the last acknowledgement  36 payload length  38 zero  40 payload
#pragma once

#include <flatline/drop_reason.h>
#include <flatline/endpoint.h>
#include <flatline/liveness.h>
#include <flatline/wire.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace flatline {

inline constexpr std::uint16_t kHeartbeatPort = 17996;
inline constexpr std::size_t kHeartbeatSize = 40;
inline constexpr std::size_t kMaxHeartbeatPayload = 256;
inline constexpr std::uint8_t kHeartbeatVersion = 1;
inline constexpr std::uint16_t kHeartbeatMagic = 0x464C;  // "FL"

enum class HeartbeatKind : std::uint8_t {
  kHeartbeat = 0,
  kLeave = 1,
  kAcknowledgement = 2,
  kProbe = 3,
  kProbeReply = 4,
  kLeaseRequest = 5,
  kLeaseGrant = 6,
};

inline constexpr std::uint8_t kFlagAcknowledge = 1U << 0;
inline constexpr std::uint8_t kFlagHandle = 1U << 1;
inline constexpr std::uint8_t kFlagAuthenticated = 1U << 2;
inline constexpr std::uint8_t kKnownFlags = kFlagAcknowledge | kFlagHandle | kFlagAuthenticated;

// Payload elements: type (1 byte), length (1 byte), value. Unknown types are skipped.
inline constexpr std::uint8_t kElementGroup = 1;   // 4 bytes: the group to enrol the endpoint under
inline constexpr std::uint8_t kElementLoad = 2;    // 4 bytes: thousandths
inline constexpr std::uint8_t kElementMemory = 3;  // 4 bytes: used share, thousandths
inline constexpr std::uint8_t kElementText = 4;    // at most 128 bytes

struct Heartbeat {
  EndpointId id = kNoEndpoint;
  std::uint64_t sent_ns = 0;  // sender's clock, ns since the epoch; 0 if not given
  std::uint32_t incarnation = 0;
  std::uint32_t sequence = 0;
  Slot handle = kNoSlot;  // kNoSlot unless the flag was set
  ProfileId profile = kDefaultProfile;
  HeartbeatKind kind = HeartbeatKind::kHeartbeat;
  Health health = Health::kUnknown;
  bool wants_acknowledgement = false;
  std::uint16_t payload_length = 0;

  constexpr bool operator==(const Heartbeat&) const = default;
};

// The heartbeat in a UDP payload, or why it does not count. Bytes behind the stated payload are the
// room of the authentication tag and allowed only with its flag.
constexpr std::expected<Heartbeat, DropReason> DecodeHeartbeat(
    std::span<const std::byte> datagram) noexcept {
  if (datagram.size() < kHeartbeatSize) [[unlikely]] {
    return std::unexpected(DropReason::kTruncatedHeartbeat);
  }
  const std::byte* at = datagram.data();
  if (wire::Load<std::uint16_t>(at) != kHeartbeatMagic) [[unlikely]] {
    return std::unexpected(DropReason::kWrongMagic);
  }
  if (static_cast<std::uint8_t>(at[2]) != kHeartbeatVersion) [[unlikely]] {
    return std::unexpected(DropReason::kWrongVersion);
  }
  const auto kind = static_cast<std::uint8_t>(at[3]);
  if (kind > static_cast<std::uint8_t>(HeartbeatKind::kLeaseGrant)) [[unlikely]] {
    return std::unexpected(DropReason::kUnknownKind);
  }
  const auto flags = static_cast<std::uint8_t>(at[4]);
  const auto health = static_cast<std::uint8_t>(at[5]);
  Heartbeat out;
  out.id = wire::Load<std::uint64_t>(at + 8);
  if ((flags & ~kKnownFlags) != 0 || health > static_cast<std::uint8_t>(Health::kFailing) ||
      out.id == kNoEndpoint || wire::Load<std::uint16_t>(at + 38) != 0) [[unlikely]] {
    return std::unexpected(DropReason::kBadHeartbeat);
  }
  out.payload_length = wire::Load<std::uint16_t>(at + 36);
  const std::size_t stated = kHeartbeatSize + out.payload_length;
  if (datagram.size() < stated) [[unlikely]] {
    return std::unexpected(DropReason::kTruncatedHeartbeat);
  }
  const bool tagged = (flags & kFlagAuthenticated) != 0;
  if (out.payload_length > kMaxHeartbeatPayload || (datagram.size() > stated && !tagged))
      [[unlikely]] {
    return std::unexpected(DropReason::kBadPayload);
  }
  out.kind = static_cast<HeartbeatKind>(kind);
  out.health = static_cast<Health>(health);
  out.profile = wire::Load<std::uint16_t>(at + 6);
  out.incarnation = wire::Load<std::uint32_t>(at + 16);
  out.sequence = wire::Load<std::uint32_t>(at + 20);
  out.sent_ns = wire::Load<std::uint64_t>(at + 24);
  out.handle = (flags & kFlagHandle) != 0 ? wire::Load<std::uint32_t>(at + 32) : kNoSlot;
  out.wants_acknowledgement = (flags & kFlagAcknowledge) != 0;
  return out;
}

// Writes the fixed part into the first 40 bytes of `out`; a payload of `payload_length` bytes is
// the caller's to append.
constexpr void EncodeHeartbeat(const Heartbeat& heartbeat,
                               std::span<std::byte, kHeartbeatSize> out) noexcept {
  std::byte* at = out.data();
  const bool has_handle = heartbeat.handle != kNoSlot;
  wire::Store<std::uint16_t>(at, kHeartbeatMagic);
  at[2] = std::byte{kHeartbeatVersion};
  at[3] = static_cast<std::byte>(heartbeat.kind);
  at[4] = static_cast<std::byte>((heartbeat.wants_acknowledgement ? kFlagAcknowledge : 0U) |
                                 (has_handle ? kFlagHandle : 0U));
  at[5] = static_cast<std::byte>(heartbeat.health);
  wire::Store<std::uint16_t>(at + 6, heartbeat.profile);
  wire::Store<std::uint64_t>(at + 8, heartbeat.id);
  wire::Store<std::uint32_t>(at + 16, heartbeat.incarnation);
  wire::Store<std::uint32_t>(at + 20, heartbeat.sequence);
  wire::Store<std::uint64_t>(at + 24, heartbeat.sent_ns);
  wire::Store<std::uint32_t>(at + 32, has_handle ? heartbeat.handle : 0);
  wire::Store<std::uint16_t>(at + 36, heartbeat.payload_length);
  wire::Store<std::uint16_t>(at + 38, 0);
}

// Whether what begins with these 40 bytes says that a tag ends it; and to say so.
constexpr bool IsTagged(std::span<const std::byte> datagram) noexcept {
  return (datagram[4] & std::byte{kFlagAuthenticated}) != std::byte{0};
}

constexpr void MarkTagged(std::span<std::byte, kHeartbeatSize> heartbeat) noexcept {
  heartbeat[4] |= std::byte{kFlagAuthenticated};
}

}  // namespace flatline
