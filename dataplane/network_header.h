// The headers of IP and UDP as flatline writes them: no options, no identification, "don't
// fragment" set (RFC 6864), checksums computed here and none offloaded. Shared by those who answer
// (responder) and those who ask (probe_frame). Called by workers, into room that is large enough.
// Pure. Cost: a few stores, and a sum over the message.
#pragma once

#include "dataplane/internet_checksum.h"

#include <flatline/wire.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace flatline {

inline constexpr std::uint32_t kIpv4HeaderSize = 20;
inline constexpr std::uint32_t kIpv6HeaderSize = 40;
inline constexpr std::uint32_t kUdpHeaderSize = 8;
inline constexpr std::uint32_t kLeastFrame =
    60;  // without its check sequence: the device appends it
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIcmp6 = 58;
inline constexpr std::uint8_t kUsualHopLimit = 64;

struct IpFields {
  bool is_ipv6 = false;
  std::uint8_t protocol = 0;
  std::uint8_t hop_limit = kUsualHopLimit;
  const std::byte* from = nullptr;  // 4 bytes or 16
  const std::byte* to = nullptr;
  std::size_t length = 0;  // of what follows
};

inline void PutChecksum(std::byte* at, std::uint64_t sum) noexcept {
  const auto checksum = static_cast<std::uint16_t>(~FoldChecksum(sum));
  std::memcpy(at, &checksum, sizeof checksum);
}

// Returns the header's length.
inline std::uint32_t PutIpHeader(const IpFields& fields, std::byte* ip) noexcept {
  if (fields.is_ipv6) {
    wire::Store<std::uint32_t>(ip, 0x6000'0000U);
    wire::Store<std::uint16_t>(ip + 4, static_cast<std::uint16_t>(fields.length));
    ip[6] = std::byte{fields.protocol};
    ip[7] = std::byte{fields.hop_limit};
    std::memcpy(ip + 8, fields.from, 16);
    std::memcpy(ip + 24, fields.to, 16);
    return kIpv6HeaderSize;
  }
  wire::Store<std::uint16_t>(ip, 0x4500);
  wire::Store<std::uint16_t>(ip + 2, static_cast<std::uint16_t>(kIpv4HeaderSize + fields.length));
  wire::Store<std::uint32_t>(ip + 4, 0x0000'4000U);
  ip[8] = std::byte{fields.hop_limit};
  ip[9] = std::byte{fields.protocol};
  wire::Store<std::uint16_t>(ip + 10, 0);
  std::memcpy(ip + 12, fields.from, 4);
  std::memcpy(ip + 16, fields.to, 4);
  PutChecksum(ip + 10, AddToChecksum(0, ip, kIpv4HeaderSize));
  return kIpv4HeaderSize;
}

// Sum of the pseudo-header, of an IP header that is written.
inline std::uint64_t PseudoSumOf(const std::byte* ip,
                                 bool is_ipv6,
                                 std::uint8_t protocol,
                                 std::size_t length) noexcept {
  return AddToChecksum(PseudoHeaderSum(protocol, static_cast<std::uint16_t>(length)),
                       ip + (is_ipv6 ? 8 : 12),
                       is_ipv6 ? 32 : 8);
}

struct UdpPorts {
  std::uint16_t from = 0;
  std::uint16_t to = 0;
};

// The message behind an IP header that is written.
inline void PutUdp(const UdpPorts& ports,
                   std::span<const std::byte> payload,
                   const std::byte* ip,
                   bool is_ipv6,
                   std::byte* udp) noexcept {
  const std::size_t length = kUdpHeaderSize + payload.size();
  wire::Store<std::uint16_t>(udp, ports.from);
  wire::Store<std::uint16_t>(udp + 2, ports.to);
  wire::Store<std::uint16_t>(udp + 4, static_cast<std::uint16_t>(length));
  wire::Store<std::uint16_t>(udp + 6, 0);
  if (!payload.empty()) {
    std::memcpy(udp + kUdpHeaderSize, payload.data(), payload.size());
  }
  PutChecksum(udp + 6, AddToChecksum(PseudoSumOf(ip, is_ipv6, kUdp, length), udp, length));
  if (wire::Load<std::uint16_t>(udp + 6) == 0) {  // zero would say that there is none
    wire::Store<std::uint16_t>(udp + 6, 0xFFFF);
  }
}

// Fills up to the least length of a frame, with zeros: nothing that lay in the buffer leaks.
inline std::uint32_t PadFrame(std::byte* frame, std::size_t length) noexcept {
  if (length < kLeastFrame) {
    std::memset(frame + length, 0, kLeastFrame - length);
  }
  return static_cast<std::uint32_t>(std::max<std::size_t>(length, kLeastFrame));
}

}  // namespace flatline
