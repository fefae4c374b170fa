#include "dataplane/probe_frame.h"

#include "dataplane/network_header.h"

#include <flatline/wire.h>

#include <cstring>

namespace flatline {
namespace {

using wire::Store;

constexpr std::uint32_t kAddresses = 12;  // both MACs
constexpr std::uint32_t kEthernetHeader = 14;
constexpr std::uint32_t kArpMessage = 28;
constexpr std::uint32_t kSolicitation = 32;  // with our link-layer address
constexpr std::uint32_t kEchoHeader = 8;
constexpr std::uint8_t kNeighbourHopLimit = 255;

using Room = std::span<std::byte, kReplyRoom>;

// An address as it is in a header of its family.
const std::byte* OnWire(const IpAddress& address) noexcept {
  return std::as_bytes(std::span{address}).data() + (IsIpv4(address) ? 12 : 0);
}

// Returns where the IP header begins.
std::uint32_t PutLink(const PortIdentity& identity,
                      const NextHop& hop,
                      bool is_ipv6,
                      Room room) noexcept {
  std::memcpy(room.data(), hop.mac.data(), hop.mac.size());
  std::memcpy(room.data() + 6, identity.mac.data(), identity.mac.size());
  std::memcpy(room.data() + kAddresses, hop.tags.data(), hop.tag_bytes);
  const std::uint32_t type = kAddresses + hop.tag_bytes;
  Store<std::uint16_t>(room.data() + type, is_ipv6 ? 0x86DD : 0x0800);
  return type + 2;
}

std::uint32_t PutArpRequest(const PortIdentity& identity,
                            const IpAddress& ours,
                            const IpAddress& wanted,
                            Room room) noexcept {
  std::memset(room.data(), 0xFF, 6);
  std::memcpy(room.data() + 6, identity.mac.data(), 6);
  Store<std::uint16_t>(room.data() + kAddresses, 0x0806);
  std::byte* arp = room.data() + kEthernetHeader;
  Store<std::uint64_t>(arp, 0x0001'0800'0604'0001U);  // Ethernet, IPv4, 6 and 4 bytes, a request
  std::memcpy(arp + 8, identity.mac.data(), 6);
  std::memcpy(arp + 14, OnWire(ours), 4);
  std::memset(arp + 18, 0, 6);
  std::memcpy(arp + 24, OnWire(wanted), 4);
  return PadFrame(room.data(), kEthernetHeader + kArpMessage);
}

// RFC 4861, sections 4.3 and 7.2.2: to the group of those whose addresses end alike.
std::uint32_t PutSolicitation(const PortIdentity& identity,
                              const IpAddress& ours,
                              const IpAddress& wanted,
                              Room room) noexcept {
  NextHop all;
  all.mac = {0x33, 0x33, 0xFF, wanted[13], wanted[14], wanted[15]};
  IpAddress group{0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, wanted[13], wanted[14], wanted[15]};
  const std::uint32_t at = PutLink(identity, all, true, room);
  std::byte* ip = room.data() + at;
  std::byte* icmp = ip + PutIpHeader({.is_ipv6 = true,
                                      .protocol = kIcmp6,
                                      .hop_limit = kNeighbourHopLimit,
                                      .from = OnWire(ours),
                                      .to = OnWire(group),
                                      .length = kSolicitation},
                                     ip);
  Store<std::uint64_t>(icmp, 0x8700'0000'0000'0000U);  // type 135, code 0, no checksum yet
  std::memcpy(icmp + 8, OnWire(wanted), 16);
  Store<std::uint16_t>(icmp + 24, 0x0101);  // option: source's link-layer address, 8 bytes
  std::memcpy(icmp + 26, identity.mac.data(), 6);
  PutChecksum(icmp + 2,
              AddToChecksum(PseudoSumOf(ip, true, kIcmp6, kSolicitation), icmp, kSolicitation));
  return PadFrame(room.data(), at + kIpv6HeaderSize + kSolicitation);
}

// A frame up to what its IP header is followed by.
struct Packed {
  std::byte* ip;
  std::byte* body;
  std::uint32_t length;  // of the frame
};

struct Body {
  std::uint8_t protocol;
  std::size_t length;
};

Packed PutHeaders(const PortIdentity& identity,
                  const NextHop& hop,
                  const IpAddress& to,
                  const Body& body,
                  Room room) noexcept {
  const bool is_ipv6 = !IsIpv4(to);
  const std::uint32_t at = PutLink(identity, hop, is_ipv6, room);
  std::byte* const ip = room.data() + at;
  const std::uint32_t header = PutIpHeader({.is_ipv6 = is_ipv6,
                                            .protocol = body.protocol,
                                            .from = OnWire(hop.ours),
                                            .to = OnWire(to),
                                            .length = body.length},
                                           ip);
  return {.ip = ip,
          .body = ip + header,
          .length = at + header + static_cast<std::uint32_t>(body.length)};
}

}  // namespace

std::uint32_t BuildProbe(const PortIdentity& identity,
                         const NextHop& hop,
                         const ProbeTarget& to,
                         std::span<const std::byte> payload,
                         Room room) noexcept {
  const Packed frame =
      PutHeaders(identity, hop, to.ip, {kUdp, kUdpHeaderSize + payload.size()}, room);
  PutUdp(
      {.from = identity.udp_port, .to = to.number}, payload, frame.ip, !IsIpv4(to.ip), frame.body);
  return PadFrame(room.data(), frame.length);
}

std::uint32_t BuildEchoRequest(const PortIdentity& identity,
                               const NextHop& hop,
                               const ProbeTarget& to,
                               std::span<const std::byte> payload,
                               Room room) noexcept {
  const bool is_ipv6 = !IsIpv4(to.ip);
  const std::size_t length = kEchoHeader + payload.size();
  const std::uint8_t protocol = is_ipv6 ? kIcmp6 : kIcmp;
  const Packed frame = PutHeaders(identity, hop, to.ip, {protocol, length}, room);
  std::byte* const icmp = frame.body;
  Store<std::uint32_t>(icmp, is_ipv6 ? 0x8000'0000U : 0x0800'0000U);  // no checksum yet
  Store<std::uint16_t>(icmp + 4, kEchoIdentifier);
  Store<std::uint16_t>(icmp + 6, to.number);
  std::memcpy(icmp + kEchoHeader, payload.data(), payload.size());
  const std::uint64_t pseudo = is_ipv6 ? PseudoSumOf(frame.ip, true, protocol, length) : 0;
  PutChecksum(icmp + 2, AddToChecksum(pseudo, icmp, length));
  return PadFrame(room.data(), frame.length);
}

std::uint32_t BuildNextHopRequest(const PortIdentity& identity,
                                  const IpAddress& ours,
                                  const IpAddress& wanted,
                                  Room room) noexcept {
  return IsIpv4(wanted) ? PutArpRequest(identity, ours, wanted, room)
                        : PutSolicitation(identity, ours, wanted, room);
}

}  // namespace flatline
