#include "dataplane/responder.h"

#include "dataplane/network_header.h"

#include <flatline/wire.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace flatline {
namespace {

using wire::Load;
using wire::Store;

constexpr std::uint32_t kArpMessage = 28;
constexpr std::uint32_t kAdvertisement = 32;  // with the target's link-layer address

using Room = std::span<std::byte, kReplyRoom>;

struct Exchange {
  const Frame& frame;
  const Packet& packet;
  const PortIdentity& identity;
};

bool IsGroup(const std::byte* mac) noexcept {
  return (std::to_integer<unsigned>(*mac) & 1U) != 0;
}

bool IsUnspecified(const std::byte* ipv6) noexcept {
  return (Load<std::uint64_t>(ipv6) | Load<std::uint64_t>(ipv6 + 8)) == 0;
}

// One host's, so that it can be an end of an answer: not a group's, nor nobody's.
bool IsHost(const std::byte* ip, bool is_ipv6) noexcept {
  const auto first = std::to_integer<unsigned>(*ip);
  return is_ipv6 ? first != 0xFF && !IsUnspecified(ip) : first != 0 && first < 224;
}

// Whether sender and receiver of the request may be the receiver and sender of an answer.
bool IsAnswerable(const Exchange& of) noexcept {
  const bool is_ipv6 = of.packet.is_ipv6;
  const std::byte* addresses = of.frame.data + of.packet.l3_offset + (is_ipv6 ? 8 : 12);
  return !IsGroup(of.frame.data + 6) && IsHost(addresses, is_ipv6) &&
         IsHost(addresses + (is_ipv6 ? 16 : 4), is_ipv6);
}

// The Ethernet header with the tags of the request, from us to its sender.
void PutLink(const Exchange& of, Room room) noexcept {
  std::memcpy(room.data(), of.frame.data + 6, 6);
  std::memcpy(room.data() + 6, of.identity.mac.data(), 6);
  std::memcpy(room.data() + 12, of.frame.data + 12, of.packet.l3_offset - std::size_t{12});
}

// Headers of Ethernet and IP back to the sender; returns the offset of what follows.
std::uint32_t PutNetwork(const Exchange& of,
                         std::uint8_t protocol,
                         std::size_t length,
                         Room room) noexcept {
  PutLink(of, room);
  const std::byte* asked = of.frame.data + of.packet.l3_offset;
  const bool is_ipv6 = of.packet.is_ipv6;
  return of.packet.l3_offset + PutIpHeader({.is_ipv6 = is_ipv6,
                                            .protocol = protocol,
                                            .from = asked + (is_ipv6 ? 24 : 16),
                                            .to = asked + (is_ipv6 ? 8 : 12),
                                            .length = length},
                                           room.data() + of.packet.l3_offset);
}

// Sum of the pseudo-header of an answer whose IP header is written.
std::uint64_t PseudoSum(const Exchange& of,
                        std::uint8_t protocol,
                        std::size_t length,
                        Room room) noexcept {
  return PseudoSumOf(room.data() + of.packet.l3_offset, of.packet.is_ipv6, protocol, length);
}

bool Fits(const Exchange& of, std::size_t length) noexcept {
  return of.packet.l3_offset + (of.packet.is_ipv6 ? kIpv6HeaderSize : kIpv4HeaderSize) + length <=
         kReplyRoom;
}

std::uint32_t PutArpReply(const Exchange& of, Room room) noexcept {
  const std::byte* asked = of.frame.data + of.packet.l3_offset;
  std::byte* arp = room.data() + of.packet.l3_offset;
  PutLink(of, room);
  std::memcpy(room.data(), asked + 8, 6);
  std::memcpy(arp, asked, 6);
  Store<std::uint16_t>(arp + 6, 2);
  std::memcpy(arp + 8, of.identity.mac.data(), 6);
  std::memcpy(arp + 14, asked + 24, 4);
  std::memcpy(arp + 18, asked + 8, 10);
  return PadFrame(room.data(), of.packet.l3_offset + std::size_t{kArpMessage});
}

// RFC 4861, section 7.2.4: to the sender, or, where it has no address yet because it looks for
// duplicates, to all nodes and unsolicited.
std::uint32_t PutAdvertisement(const Exchange& of, Room room) noexcept {
  constexpr std::array<std::uint8_t, 6> kAllNodesMac{0x33, 0x33, 0, 0, 0, 1};
  constexpr std::array<std::uint8_t, 16> kAllNodes{
      0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  constexpr std::uint32_t kSolicited = 0x4000'0000U;
  constexpr std::uint32_t kOverride = 0x2000'0000U;
  const std::byte* asked = of.frame.data + of.packet.l3_offset;
  const std::byte* target = of.frame.data + of.packet.l4_offset + 8;
  const bool to_sender = !IsUnspecified(asked + 8);
  if (IsGroup(of.frame.data + 6) || (to_sender && !IsHost(asked + 8, true))) {
    return 0;
  }
  const std::uint32_t at = PutNetwork(of, kIcmp6, kAdvertisement, room);
  std::byte* ip = room.data() + of.packet.l3_offset;
  ip[7] = std::byte{255};
  std::memcpy(ip + 8, target, 16);
  if (!to_sender) {
    std::memcpy(room.data(), kAllNodesMac.data(), kAllNodesMac.size());
    std::memcpy(ip + 24, kAllNodes.data(), kAllNodes.size());
  }
  std::byte* icmp = room.data() + at;
  Store<std::uint32_t>(icmp, 0x8800'0000U);  // type 136, code 0, no checksum yet
  Store<std::uint32_t>(icmp + 4, to_sender ? kSolicited | kOverride : kOverride);
  std::memcpy(icmp + 8, target, 16);
  Store<std::uint16_t>(icmp + 24, 0x0201);  // option: target's link-layer address, 8 bytes
  std::memcpy(icmp + 26, of.identity.mac.data(), 6);
  PutChecksum(icmp + 2,
              AddToChecksum(PseudoSum(of, kIcmp6, kAdvertisement, room), icmp, kAdvertisement));
  return PadFrame(room.data(), at + std::size_t{kAdvertisement});
}

std::uint32_t PutEchoReply(const Exchange& of, Room room) noexcept {
  const std::size_t length = of.packet.l4_length;
  if (!IsAnswerable(of) || !Fits(of, length)) {
    return 0;
  }
  const bool is_ipv6 = of.packet.is_ipv6;
  const std::uint8_t protocol = is_ipv6 ? kIcmp6 : kIcmp;
  const std::uint32_t at = PutNetwork(of, protocol, length, room);
  std::byte* icmp = room.data() + at;
  std::memcpy(icmp, of.frame.data + of.packet.l4_offset, length);
  icmp[0] = is_ipv6 ? std::byte{129} : std::byte{0};
  Store<std::uint16_t>(icmp + 2, 0);
  PutChecksum(icmp + 2,
              AddToChecksum(is_ipv6 ? PseudoSum(of, protocol, length, room) : 0, icmp, length));
  return PadFrame(room.data(), at + length);
}

}  // namespace

std::uint32_t BuildControlReply(const Frame& frame,
                                const Packet& packet,
                                const PortIdentity& identity,
                                std::span<std::byte, kReplyRoom> room) noexcept {
  const Exchange exchange{.frame = frame, .packet = packet, .identity = identity};
  switch (packet.kind) {
    case PacketClass::kArpRequest:
      return PutArpReply(exchange, room);
    case PacketClass::kNeighbourSolicitation:
      return PutAdvertisement(exchange, room);
    case PacketClass::kEcho4:
    case PacketClass::kEcho6:
      return PutEchoReply(exchange, room);
    case PacketClass::kDatagram:
    case PacketClass::kEchoReply:
    case PacketClass::kArpReply:
    case PacketClass::kNeighbourAdvertisement:
      break;
  }
  return 0;
}

std::uint32_t BuildDatagramReply(const Frame& frame,
                                 const Packet& packet,
                                 const PortIdentity& identity,
                                 std::span<const std::byte> payload,
                                 std::span<std::byte, kReplyRoom> room) noexcept {
  const Exchange exchange{.frame = frame, .packet = packet, .identity = identity};
  const std::size_t length = kUdpHeaderSize + payload.size();
  if (!IsAnswerable(exchange) || !Fits(exchange, length)) {
    return 0;
  }
  const std::uint32_t at = PutNetwork(exchange, kUdp, length, room);
  const std::byte* asked = frame.data + packet.l4_offset;
  PutUdp({.from = Load<std::uint16_t>(asked + 2), .to = Load<std::uint16_t>(asked)},
         payload,
         room.data() + packet.l3_offset,
         packet.is_ipv6,
         room.data() + at);
  return PadFrame(room.data(), at + length);
}

}  // namespace flatline
