#include "dataplane/plain_heartbeat.h"

#include "dataplane/next_hop.h"

#include <algorithm>

namespace flatline {
namespace {

constexpr std::size_t kEtherType = 12;
constexpr std::size_t kIp = 14;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::uint8_t kUdp = 17;
constexpr IpAddress kAnyIpv4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

}  // namespace

PlainHeartbeat::PlainHeartbeat(const PortIdentity& identity,
                               const IpAddress& address,
                               TagSize tag) noexcept
    : first_word_(tag == TagSize::kNone ? kFirstWord : kTaggedFirstWord),
      tag_(tag),
      udp_length_(
          static_cast<std::uint16_t>(kUdpHeader + kHeartbeatSize + static_cast<std::size_t>(tag))) {
  if (!identity.promiscuous) {
    for (std::size_t i = 0; i < identity.mac.size(); ++i) {
      Expect(i, identity.mac[i], 1);
    }
  }
  if (IsIpv4(address)) {
    ExpectIpv4(identity, address);
  } else {
    ExpectIpv6(identity, address);
  }
  const std::size_t udp = heartbeat_ - kUdpHeader;
  least_ = static_cast<std::uint32_t>(udp + udp_length_);
  Expect(udp + 2, identity.udp_port, 2);
  Expect(udp + 4, udp_length_, 2);
}

// From the 20 bytes without options: length, no fragment of a longer one, protocol, destination.
void PlainHeartbeat::ExpectIpv4(const PortIdentity& identity, const IpAddress& address) noexcept {
  heartbeat_ = kIp + kIpv4Header + kUdpHeader;
  Expect(kEtherType, 0x0800, 2);
  Expect(kIp, 0x45, 1);
  Expect(kIp + 2, static_cast<std::uint32_t>(kIpv4Header + udp_length_), 2);
  auto* mask = reinterpret_cast<std::byte*>(mask_.data());
  mask[kIp + 6] = std::byte{0x3F};  // "more fragments" and the offset: zero
  mask[kIp + 7] = std::byte{0xFF};
  Expect(kIp + 9, kUdp, 1);
  for (std::size_t i = 0; i < 4 && !identity.addresses.empty(); ++i) {
    Expect(kIp + 16 + i, address[12 + i], 1);
  }
}

void PlainHeartbeat::ExpectIpv6(const PortIdentity& identity, const IpAddress& address) noexcept {
  heartbeat_ = kIp + kIpv6Header + kUdpHeader;
  Expect(kEtherType, 0x86DD, 2);
  auto* mask = reinterpret_cast<std::byte*>(mask_.data());
  auto* value = reinterpret_cast<std::byte*>(value_.data());
  value[kIp] = std::byte{0x60};  // traffic class and flow label: any
  mask[kIp] = std::byte{0xF0};
  Expect(kIp + 4, udp_length_, 2);
  Expect(kIp + 6, kUdp, 1);
  for (std::size_t i = 0; i < address.size() && !identity.addresses.empty(); ++i) {
    Expect(kIp + 24 + i, address[i], 1);
  }
}

// `bytes` bytes at `at` are `value`, big-endian.
void PlainHeartbeat::Expect(std::size_t at, std::uint32_t value, std::size_t bytes) noexcept {
  auto* values = reinterpret_cast<std::byte*>(value_.data());
  auto* masks = reinterpret_cast<std::byte*>(mask_.data());
  for (std::size_t i = 0; i < bytes; ++i) {
    values[at + i] = static_cast<std::byte>(value >> (8 * (bytes - 1 - i)));
    masks[at + i] = std::byte{0xFF};
  }
}

// What the device did not verify is summed here: the header of IPv4, and the message with its
// addresses, which lie before it in both families, and so in one piece.
bool PlainHeartbeat::SumsHold(const Frame& frame) const noexcept {
  const bool is_ipv4 = heartbeat_ == kIp + kIpv4Header + kUdpHeader;
  if (frame.ip_checksum == ChecksumStatus::kBad || frame.udp_checksum == ChecksumStatus::kBad ||
      !HasUdpChecksum(frame.data)) [[unlikely]] {
    return false;
  }
  if (is_ipv4 && frame.ip_checksum != ChecksumStatus::kGood &&
      FoldChecksum(AddToChecksum(0, frame.data + kIp, kIpv4Header)) != 0xFFFF) [[unlikely]] {
    return false;
  }
  if (frame.udp_checksum == ChecksumStatus::kGood) {
    return true;
  }
  const std::uint64_t pseudo = PseudoHeaderSum(kUdp, udp_length_);
  const std::uint64_t sum =
      is_ipv4 ? AddToChecksum(pseudo, frame.data + kIp + 12, std::size_t{8} + udp_length_)
              : AddToChecksum(pseudo, frame.data + kIp + 8, std::size_t{32} + udp_length_);
  return FoldChecksum(sum) == 0xFFFF;
}

Packet PlainHeartbeat::PacketOf(const Frame& frame) const noexcept {
  Packet out;
  out.is_ipv6 = heartbeat_ != kIp + kIpv4Header + kUdpHeader;
  out.l3_offset = kIp;
  out.l4_offset = static_cast<std::uint16_t>(heartbeat_ - kUdpHeader);
  out.l4_length = udp_length_;
  out.payload = {frame.data + heartbeat_, udp_length_ - kUdpHeader};
  return out;
}

std::vector<PlainHeartbeat> PlainHeartbeatsFor(const PortIdentity& identity, TagSize tag) {
  std::vector<IpAddress> addresses = identity.addresses;
  if (addresses.empty()) {
    addresses = {kAnyIpv4, IpAddress{}};
  }
  std::vector<PlainHeartbeat> out;
  for (const IpAddress& address : addresses) {
    if (tag != TagSize::kNone) {
      out.emplace_back(identity, address, tag);
    }
    out.emplace_back(identity, address, TagSize::kNone);
  }
  return out;
}

}  // namespace flatline
