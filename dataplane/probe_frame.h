// Builds the frames by which flatline asks: a UDP probe, an ICMP or ICMPv6 echo request, and the
// ARP request or neighbour solicitation that finds the next hop of either. Called by a worker's
// prober; writes into the sink's room only. Pure, noexcept. All checksums are computed here.
// Assumes a payload of at most 64 bytes, and addresses of one family.
#pragma once

#include "dataplane/frame.h"
#include "dataplane/next_hop.h"
#include "dataplane/port_identity.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace flatline {

// The identifier of our echo requests; which one it is says what they carry.
inline constexpr std::uint16_t kEchoIdentifier = 0x464C;  // "FL"

struct ProbeTarget {
  IpAddress ip{};
  std::uint16_t number = 0;  // of a probe the UDP port, of an echo request its sequence
};

// Each returns the length of the frame.

[[nodiscard]] std::uint32_t BuildProbe(const PortIdentity& identity,
                                       const NextHop& hop,
                                       const ProbeTarget& to,
                                       std::span<const std::byte> payload,
                                       std::span<std::byte, kReplyRoom> room) noexcept;

[[nodiscard]] std::uint32_t BuildEchoRequest(const PortIdentity& identity,
                                             const NextHop& hop,
                                             const ProbeTarget& to,
                                             std::span<const std::byte> payload,
                                             std::span<std::byte, kReplyRoom> room) noexcept;

// Who has `wanted`? Asked of all, without tags, from our address `ours`.
[[nodiscard]] std::uint32_t BuildNextHopRequest(const PortIdentity& identity,
                                                const IpAddress& ours,
                                                const IpAddress& wanted,
                                                std::span<std::byte, kReplyRoom> room) noexcept;

}  // namespace flatline
