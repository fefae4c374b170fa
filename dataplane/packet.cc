#include "dataplane/packet.h"

#include "dataplane/internet_checksum.h"

#include <flatline/wire.h>

#include <algorithm>
#include <cstring>

namespace flatline {
namespace {

using wire::Load;
using Verdict = std::expected<Packet, DropReason>;

constexpr std::uint32_t kEthernetHeader = 14;
constexpr std::uint32_t kVlanTag = 4;
constexpr std::uint32_t kMostVlanTags = 2;
constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
constexpr std::uint16_t kEtherTypeArp = 0x0806;
constexpr std::uint16_t kEtherTypeIpv6 = 0x86DD;

constexpr std::uint32_t kIpv4Header = 20;
constexpr std::uint32_t kIpv6Header = 40;
constexpr std::uint32_t kUdpHeader = 8;
constexpr std::uint32_t kIcmpHeader = 8;
constexpr std::uint32_t kArpMessage = 28;
constexpr std::uint32_t kSolicitation = 24;  // as long as an advertisement
constexpr std::uint8_t kEchoReply4 = 0;
constexpr std::uint8_t kEchoReply6 = 129;
constexpr std::uint8_t kAdvertises = 136;
constexpr std::uint8_t kSourceOption = 1;  // link-layer addresses
constexpr std::uint8_t kTargetOption = 2;

constexpr std::uint8_t kProtocolIcmp = 1;
constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint8_t kProtocolIcmp6 = 58;
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragmentHeader = 44;
constexpr std::uint8_t kDestinationOptions = 60;
// RFC 8200 recommends an order in which none but the destination options appear twice: five.
constexpr int kMostExtensions = 8;

// How far the destination MAC goes.
enum class Cast : std::uint8_t { kOurs, kBroadcast, kMulticast6, kElsewhere };

struct Context {
  const Frame& frame;
  const PortIdentity& identity;
  Cast cast;
};

// An IP packet whose header holds: where its content lies, and what it is.
struct Content {
  std::uint32_t l3_offset;
  std::uint32_t offset;
  std::uint32_t length;
  std::uint8_t protocol;
  bool is_ipv6;
};

std::uint8_t ByteAt(const std::byte* at) noexcept {
  return std::to_integer<std::uint8_t>(*at);
}

// An IP address in two registers. Put together in memory instead, the sixteen bytes of an IPv4 one
// would wait for the stores of their parts: half of the time of a plain frame.
struct AddressWords {
  std::uint64_t high;
  std::uint64_t low;

  bool operator==(const AddressWords&) const = default;
};

AddressWords Ipv6At(const std::byte* at) noexcept {
  return {.high = Load<std::uint64_t>(at), .low = Load<std::uint64_t>(at + 8)};
}

AddressWords Ipv4At(const std::byte* at) noexcept {
  return {.high = 0, .low = 0xFFFF'0000'0000U | Load<std::uint32_t>(at)};
}

Cast CastOf(const Frame& frame, const PortIdentity& identity) noexcept {
  if (std::memcmp(frame.data, identity.mac.data(), identity.mac.size()) == 0 ||
      identity.promiscuous) [[likely]] {
    return Cast::kOurs;
  }
  if (Load<std::uint32_t>(frame.data) == 0xFFFFFFFFU &&
      Load<std::uint16_t>(frame.data + 4) == 0xFFFFU) {
    return Cast::kBroadcast;
  }
  return Load<std::uint16_t>(frame.data) == 0x3333U ? Cast::kMulticast6 : Cast::kElsewhere;
}

bool IsOurs(const AddressWords& address, const PortIdentity& identity) noexcept {
  return std::ranges::any_of(identity.addresses, [&](const IpAddress& ours) {
    return Ipv6At(std::as_bytes(std::span{ours}).data()) == address;
  });
}

bool Accepts(const AddressWords& destination, const PortIdentity& identity) noexcept {
  return identity.addresses.empty() || IsOurs(destination, identity);
}

bool IsVlan(std::uint16_t ether_type) noexcept {
  return ether_type == 0x8100 || ether_type == 0x88A8 || ether_type == 0x9100;
}

bool Holds(const std::byte* at, std::size_t size, std::uint64_t sum = 0) noexcept {
  return FoldChecksum(AddToChecksum(sum, at, size)) == 0xFFFFU;
}

// Sum of the pseudo-header: the addresses, the protocol and the length of the message.
std::uint64_t PseudoSum(const Context& in, const Content& ip, std::uint32_t length) noexcept {
  const std::byte* addresses = in.frame.data + ip.l3_offset + (ip.is_ipv6 ? 8 : 12);
  return AddToChecksum(PseudoHeaderSum(ip.protocol, static_cast<std::uint16_t>(length)),
                       addresses,
                       ip.is_ipv6 ? 32 : 8);
}

Packet MakePacket(const Context& in,
                  const Content& ip,
                  PacketClass kind,
                  std::uint32_t length,
                  std::uint32_t header) noexcept {
  Packet out;
  out.kind = kind;
  out.is_ipv6 = ip.is_ipv6;
  out.l3_offset = static_cast<std::uint16_t>(ip.l3_offset);
  out.l4_offset = static_cast<std::uint16_t>(ip.offset);
  out.l4_length = static_cast<std::uint16_t>(length);
  out.payload = {in.frame.data + ip.offset + header, length - header};
  return out;
}

Verdict ParseUdp(const Context& in, const Content& ip) noexcept {
  if (ip.length < kUdpHeader) [[unlikely]] {
    return std::unexpected(DropReason::kBadUdpLength);
  }
  const std::byte* udp = in.frame.data + ip.offset;
  const std::uint32_t length = Load<std::uint16_t>(udp + 4);
  if (length < kUdpHeader || length > ip.length) [[unlikely]] {
    return std::unexpected(DropReason::kBadUdpLength);
  }
  // Zero says that there is none: allowed over IPv4 alone, whatever the device made of it.
  if (Load<std::uint16_t>(udp + 6) == 0) {
    if (ip.is_ipv6) [[unlikely]] {
      return std::unexpected(DropReason::kBadUdpChecksum);
    }
  } else if (in.frame.udp_checksum != ChecksumStatus::kGood) {
    if (in.frame.udp_checksum == ChecksumStatus::kBad ||
        !Holds(udp, length, PseudoSum(in, ip, length))) [[unlikely]] {
      return std::unexpected(DropReason::kBadUdpChecksum);
    }
  }
  if (Load<std::uint16_t>(udp + 2) != in.identity.udp_port) [[unlikely]] {
    return std::unexpected(DropReason::kWrongPort);
  }
  return MakePacket(in, ip, PacketClass::kDatagram, length, kUdpHeader);
}

// ICMP of either version whose checksum was seen to hold; `request` is its type of echo request.
Verdict ParseEcho(const Context& in, const Content& ip, std::uint8_t request) noexcept {
  const std::byte* icmp = in.frame.data + ip.offset;
  if (ByteAt(icmp) == (ip.is_ipv6 ? kEchoReply6 : kEchoReply4)) {
    return ByteAt(icmp + 1) == 0
               ? Verdict(MakePacket(in, ip, PacketClass::kEchoReply, ip.length, kIcmpHeader))
               : std::unexpected(DropReason::kBadControl);
  }
  if (ByteAt(icmp) != request) {
    return std::unexpected(DropReason::kNotUdp);
  }
  if (ByteAt(icmp + 1) != 0) {
    return std::unexpected(DropReason::kBadControl);
  }
  const auto kind = ip.is_ipv6 ? PacketClass::kEcho6 : PacketClass::kEcho4;
  return MakePacket(in, ip, kind, ip.length, kIcmpHeader);
}

Verdict ParseIcmp4(const Context& in, const Content& ip) noexcept {
  if (ip.length < kIcmpHeader || !Holds(in.frame.data + ip.offset, ip.length)) {
    return std::unexpected(DropReason::kBadControl);
  }
  return ParseEcho(in, ip, 8);
}

struct DiscoveryOptions {
  bool well_formed = true;
  bool names_source = false;              // a source link-layer address
  const std::byte* target_mac = nullptr;  // the target's, of an Ethernet
};

DiscoveryOptions ReadOptions(const std::byte* at, std::uint32_t size) noexcept {
  DiscoveryOptions out;
  while (size >= 2) {
    const std::uint32_t length = ByteAt(at + 1) * 8U;
    if (length == 0 || length > size) {
      break;
    }
    out.names_source |= ByteAt(at) == kSourceOption;
    if (ByteAt(at) == kTargetOption && length == 8) {
      out.target_mac = at + 2;
    }
    at += length;
    size -= length;
  }
  out.well_formed = size == 0;
  return out;
}

bool IsSolicitedNode(const std::byte* destination) noexcept {  // ff02::1:ff00:0/104
  return Load<std::uint64_t>(destination) == 0xFF02'0000'0000'0000U &&
         Load<std::uint32_t>(destination + 8) == 1 && ByteAt(destination + 12) == 0xFF;
}

bool IsUnspecified(const std::byte* address) noexcept {
  return (Load<std::uint64_t>(address) | Load<std::uint64_t>(address + 8)) == 0;
}

// RFC 4861, section 7.1.1, by its list.
Verdict ParseSolicitation(const Context& in, const Content& ip) noexcept {
  const std::byte* ipv6 = in.frame.data + ip.l3_offset;
  const std::byte* icmp = in.frame.data + ip.offset;
  if (ByteAt(ipv6 + 7) != 255 || ByteAt(icmp + 1) != 0 || ip.length < kSolicitation ||
      ByteAt(icmp + 8) == 0xFF) {
    return std::unexpected(DropReason::kBadControl);
  }
  const auto options = ReadOptions(icmp + kSolicitation, ip.length - kSolicitation);
  const bool detects_duplicates = IsUnspecified(ipv6 + 8);
  if (!options.well_formed ||
      (detects_duplicates && (!IsSolicitedNode(ipv6 + 24) || options.names_source))) {
    return std::unexpected(DropReason::kBadControl);
  }
  if (!IsOurs(Ipv6At(icmp + 8), in.identity)) {
    return std::unexpected(DropReason::kNotForUs);
  }
  return MakePacket(in, ip, PacketClass::kNeighbourSolicitation, ip.length, kSolicitation);
}

// RFC 4861, section 7.1.2, by its list; and what a target needs to be one host's.
Verdict ParseAdvertisement(const Context& in, const Content& ip) noexcept {
  const std::byte* ipv6 = in.frame.data + ip.l3_offset;
  const std::byte* icmp = in.frame.data + ip.offset;
  if (ByteAt(ipv6 + 7) != 255 || ByteAt(icmp + 1) != 0 || ip.length < kSolicitation ||
      ByteAt(icmp + 8) == 0xFF) {
    return std::unexpected(DropReason::kBadControl);
  }
  const auto options = ReadOptions(icmp + kSolicitation, ip.length - kSolicitation);
  if (!options.well_formed) {
    return std::unexpected(DropReason::kBadControl);
  }
  if (options.target_mac == nullptr || (ByteAt(options.target_mac) & 1U) != 0) {
    return std::unexpected(DropReason::kNotUdp);  // says nothing to us
  }
  return MakePacket(in, ip, PacketClass::kNeighbourAdvertisement, ip.length, kSolicitation);
}

Verdict ParseIcmp6(const Context& in, const Content& ip, bool to_us) noexcept {
  const std::byte* icmp = in.frame.data + ip.offset;
  if (ip.length < kIcmpHeader || !Holds(icmp, ip.length, PseudoSum(in, ip, ip.length))) {
    return std::unexpected(DropReason::kBadControl);
  }
  if (ByteAt(icmp) == 135) {
    return ParseSolicitation(in, ip);
  }
  if (to_us && ByteAt(icmp) == kAdvertises) {
    return ParseAdvertisement(in, ip);
  }
  // What else is sent to a group of solicited nodes asks nothing of us.
  return to_us ? ParseEcho(in, ip, 128) : std::unexpected(DropReason::kNotForUs);
}

Verdict ParseIpv4(const Context& in, std::uint32_t at) noexcept {
  const std::uint32_t room = in.frame.length - at;
  const std::byte* ip = in.frame.data + at;
  if (in.cast != Cast::kOurs) [[unlikely]] {
    return std::unexpected(DropReason::kNotForUs);
  }
  if (room < kIpv4Header) [[unlikely]] {
    return std::unexpected(DropReason::kRunt);
  }
  const std::uint32_t header = (ByteAt(ip) & 0xFU) * 4;
  const std::uint32_t total = Load<std::uint16_t>(ip + 2);
  if (ByteAt(ip) >> 4 != 4 || header < kIpv4Header || total < header) [[unlikely]] {
    return std::unexpected(DropReason::kBadIpHeader);
  }
  if (total > room) [[unlikely]] {
    return std::unexpected(header > room ? DropReason::kRunt : DropReason::kBadIpHeader);
  }
  if (in.frame.ip_checksum != ChecksumStatus::kGood) {
    if (in.frame.ip_checksum == ChecksumStatus::kBad || !Holds(ip, header)) [[unlikely]] {
      return std::unexpected(DropReason::kBadIpChecksum);
    }
  }
  if ((Load<std::uint16_t>(ip + 6) & 0x3FFFU) != 0) [[unlikely]] {  // more to come, or an offset
    return std::unexpected(DropReason::kFragment);
  }
  if (!Accepts(Ipv4At(ip + 16), in.identity)) [[unlikely]] {
    return std::unexpected(DropReason::kNotForUs);
  }
  const Content content{.l3_offset = at,
                        .offset = at + header,
                        .length = total - header,
                        .protocol = ByteAt(ip + 9),
                        .is_ipv6 = false};
  if (content.protocol == kProtocolUdp) [[likely]] {
    return ParseUdp(in, content);
  }
  return content.protocol == kProtocolIcmp ? ParseIcmp4(in, content)
                                           : std::unexpected(DropReason::kNotUdp);
}

// Moves `content` past the extension headers. What their options say is not read.
std::expected<void, DropReason> SkipExtensions(const Context& in, Content& content) noexcept {
  for (int headers = 0;; ++headers) {
    const std::uint8_t next = content.protocol;
    if (next == kFragmentHeader) {
      return std::unexpected(DropReason::kFragment);
    }
    if (next != kHopByHop && next != kRouting && next != kDestinationOptions) [[likely]] {
      return {};
    }
    // Hop-by-hop options may only come first.
    if (headers == kMostExtensions || (next == kHopByHop && headers > 0) || content.length < 8) {
      return std::unexpected(DropReason::kBadExtension);
    }
    const std::byte* at = in.frame.data + content.offset;
    const std::uint32_t length = (ByteAt(at + 1) + 1U) * 8;
    // Segments left: the packet has further to go, and we do not route.
    if (length > content.length || (next == kRouting && ByteAt(at + 3) != 0)) {
      return std::unexpected(DropReason::kBadExtension);
    }
    content.protocol = ByteAt(at);
    content.offset += length;
    content.length -= length;
  }
}

Verdict ParseIpv6(const Context& in, std::uint32_t at) noexcept {
  const std::uint32_t room = in.frame.length - at;
  const std::byte* ip = in.frame.data + at;
  if (in.cast == Cast::kBroadcast) [[unlikely]] {
    return std::unexpected(DropReason::kNotForUs);
  }
  if (room < kIpv6Header) [[unlikely]] {
    return std::unexpected(DropReason::kRunt);
  }
  const std::uint32_t length = Load<std::uint16_t>(ip + 4);
  if (ByteAt(ip) >> 4 != 6 || length > room - kIpv6Header) [[unlikely]] {
    return std::unexpected(DropReason::kBadIpHeader);
  }
  const bool to_us = in.cast == Cast::kOurs && Accepts(Ipv6At(ip + 24), in.identity);
  if (!to_us && !IsSolicitedNode(ip + 24)) [[unlikely]] {
    return std::unexpected(DropReason::kNotForUs);
  }
  Content content{.l3_offset = at,
                  .offset = at + kIpv6Header,
                  .length = length,
                  .protocol = ByteAt(ip + 6),
                  .is_ipv6 = true};
  if (const auto skipped = SkipExtensions(in, content); !skipped) [[unlikely]] {
    return std::unexpected(skipped.error());
  }
  if (content.protocol == kProtocolIcmp6) {
    return ParseIcmp6(in, content, to_us);
  }
  if (!to_us) [[unlikely]] {
    return std::unexpected(DropReason::kNotForUs);
  }
  return content.protocol == kProtocolUdp ? ParseUdp(in, content)
                                          : std::unexpected(DropReason::kNotUdp);
}

Verdict ParseArp(const Context& in, std::uint32_t at) noexcept {
  if (in.cast == Cast::kMulticast6) {
    return std::unexpected(DropReason::kNotForUs);
  }
  if (in.frame.length - at < kArpMessage) {
    return std::unexpected(DropReason::kRunt);
  }
  // Ethernet (1) and IPv4, with addresses of 6 and 4 bytes; from a station, not from a group.
  const std::byte* arp = in.frame.data + at;
  if (Load<std::uint64_t>(arp) >> 16 != 0x0001'0800'0604U || (ByteAt(arp + 8) & 1U) != 0) {
    return std::unexpected(DropReason::kBadControl);
  }
  const std::uint16_t operation = Load<std::uint16_t>(arp + 6);
  if (operation != 1 && operation != 2) {
    return std::unexpected(DropReason::kNotUdp);
  }
  // A port of any address may have asked by one that it learnt: an answer to its MAC is its own.
  const bool is_answer = operation == 2;
  const bool is_ours = is_answer ? in.cast == Cast::kOurs && Accepts(Ipv4At(arp + 24), in.identity)
                                 : IsOurs(Ipv4At(arp + 24), in.identity);
  if (!is_ours) {
    return std::unexpected(DropReason::kNotForUs);
  }
  Packet out;
  out.kind = is_answer ? PacketClass::kArpReply : PacketClass::kArpRequest;
  out.l3_offset = static_cast<std::uint16_t>(at);
  out.l4_offset = static_cast<std::uint16_t>(at);
  return out;
}

}  // namespace

Verdict ParsePacket(const Frame& frame, const PortIdentity& identity) noexcept {
  if (frame.chained || frame.length > kLongestFrame) [[unlikely]] {
    return std::unexpected(DropReason::kOversized);
  }
  if (frame.length < kEthernetHeader) [[unlikely]] {
    return std::unexpected(DropReason::kRunt);
  }
  const Context in{.frame = frame, .identity = identity, .cast = CastOf(frame, identity)};
  if (in.cast == Cast::kElsewhere) [[unlikely]] {
    return std::unexpected(DropReason::kNotForUs);
  }
  std::uint32_t at = kEthernetHeader;
  std::uint16_t ether_type = Load<std::uint16_t>(frame.data + at - 2);
  while (IsVlan(ether_type)) {
    if (at == kEthernetHeader + kMostVlanTags * kVlanTag) {
      return std::unexpected(DropReason::kVlanTooDeep);
    }
    if (frame.length - at < kVlanTag) {
      return std::unexpected(DropReason::kRunt);
    }
    at += kVlanTag;
    ether_type = Load<std::uint16_t>(frame.data + at - 2);
  }
  switch (ether_type) {
    case kEtherTypeIpv4:
      return ParseIpv4(in, at);
    case kEtherTypeIpv6:
      return ParseIpv6(in, at);
    case kEtherTypeArp:
      return ParseArp(in, at);
    default:
      return std::unexpected(DropReason::kUnknownEtherType);
  }
}

namespace {

IpAddress AddressAt(const std::byte* at, bool is_ipv6) noexcept {
  IpAddress out{};
  if (is_ipv6) {
    std::memcpy(out.data(), at, 16);
  } else {
    out[10] = out[11] = 0xFF;
    std::memcpy(out.data() + 12, at, 4);
  }
  return out;
}

}  // namespace

DatagramSource SourceOf(const Frame& frame, const Packet& packet) noexcept {
  const std::byte* ip = frame.data + packet.l3_offset;
  return {.ip = AddressAt(ip + (packet.is_ipv6 ? 8 : 12), packet.is_ipv6),
          .udp_port = Load<std::uint16_t>(frame.data + packet.l4_offset)};
}

IpAddress DestinationOf(const Frame& frame, const Packet& packet) noexcept {
  return AddressAt(frame.data + packet.l3_offset + (packet.is_ipv6 ? 24 : 16), packet.is_ipv6);
}

NeighbourWord NeighbourWordOf(const Frame& frame, const Packet& packet) noexcept {
  const std::byte* message = frame.data + packet.l4_offset;
  NeighbourWord out;
  if (packet.kind == PacketClass::kArpReply) {
    out.ip = AddressAt(message + 14, false);
    std::memcpy(out.mac.data(), message + 8, out.mac.size());
    return out;
  }
  const auto options =
      ReadOptions(message + kSolicitation, packet.l4_length - std::uint32_t{kSolicitation});
  std::memcpy(out.ip.data(), message + 8, out.ip.size());
  out.ip = AddressAt(message + 8, true);
  std::memcpy(out.mac.data(), options.target_mac, out.mac.size());
  return out;
}

}  // namespace flatline
