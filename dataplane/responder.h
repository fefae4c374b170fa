// Builds the frames that flatline sends: answers to ARP, neighbour discovery and echo, so that a
// plain kernel stack finds us, and UDP replies (acknowledgements) that go back the way a datagram
// came. Called by a worker, from frames that ParsePacket accepted; writes into the sink's room
// only. Pure, noexcept. VLAN tags of the request are kept; all checksums are computed here, none is
// offloaded.
#pragma once

#include "dataplane/packet.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace flatline {

// Length of the answer written to `room`, or 0 where the request deserves none.
[[nodiscard]] std::uint32_t BuildControlReply(const Frame& frame,
                                              const Packet& packet,
                                              const PortIdentity& identity,
                                              std::span<std::byte, kReplyRoom> room) noexcept;

// A UDP datagram with `payload` back to the sender of `packet`; IPv4 options and IPv6 extension
// headers are not repeated. Length of the frame, or 0 where it must not be answered (a group's or
// nobody's address at either end) or does not fit the room.
[[nodiscard]] std::uint32_t BuildDatagramReply(const Frame& frame,
                                               const Packet& packet,
                                               const PortIdentity& identity,
                                               std::span<const std::byte> payload,
                                               std::span<std::byte, kReplyRoom> room) noexcept;

}  // namespace flatline
