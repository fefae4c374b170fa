// Frames for tests: Ethernet, IPv4, UDP and a heartbeat, well-formed and with true checksums. Used
// by the tests of packet, ingest, worker and by the simulation. Not by the product.
#pragma once

#include <flatline/heartbeat.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace flatline::testing_frames {

struct Route {
  std::array<std::uint8_t, 6> to_mac{2, 0, 0, 0, 0, 1};
  std::array<std::uint8_t, 6> from_mac{2, 0, 0, 0, 0, 2};
  std::array<std::uint8_t, 4> to_ip{10, 0, 0, 1};
  std::array<std::uint8_t, 4> from_ip{10, 0, 0, 2};
  std::uint16_t to_port = kHeartbeatPort;
  std::uint16_t from_port = 40000;
};

inline std::uint32_t Sum(std::span<const std::byte> bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto value = static_cast<std::uint32_t>(bytes[i]);
    sum += i % 2 == 0 ? value << 8 : value;
  }
  return sum;
}

inline std::uint16_t Fold(std::uint32_t sum) {
  while (sum > 0xFFFF) {
    sum = (sum & 0xFFFF) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum & 0xFFFF);
}

inline void Append16(std::vector<std::byte>& out, std::uint16_t value) {
  out.push_back(static_cast<std::byte>(value >> 8));
  out.push_back(static_cast<std::byte>(value & 0xFF));
}

template <std::size_t kSize>
void Append(std::vector<std::byte>& out, const std::array<std::uint8_t, kSize>& bytes) {
  for (const std::uint8_t byte : bytes) {
    out.push_back(static_cast<std::byte>(byte));
  }
}

inline void Store16(std::vector<std::byte>& out, std::size_t at, std::uint16_t value) {
  out[at] = static_cast<std::byte>(value >> 8);
  out[at + 1] = static_cast<std::byte>(value & 0xFF);
}

// A UDP datagram over IPv4 over Ethernet.
inline std::vector<std::byte> UdpFrame(std::span<const std::byte> payload,
                                       const Route& route = {}) {
  constexpr std::size_t kIp = 14;
  constexpr std::size_t kUdp = kIp + 20;
  const auto udp_length = static_cast<std::uint16_t>(8 + payload.size());
  std::vector<std::byte> out;
  Append(out, route.to_mac);
  Append(out, route.from_mac);
  Append16(out, 0x0800);
  Append16(out, 0x4500);
  Append16(out, static_cast<std::uint16_t>(20 + udp_length));
  Append16(out, 0);       // identification
  Append16(out, 0x4000);  // do not fragment
  Append16(out, 0x4011);  // time to live 64, UDP
  Append16(out, 0);       // checksum, below
  Append(out, route.from_ip);
  Append(out, route.to_ip);
  Append16(out, route.from_port);
  Append16(out, route.to_port);
  Append16(out, udp_length);
  Append16(out, 0);  // checksum, below
  out.insert(out.end(), payload.begin(), payload.end());
  const std::span<const std::byte> all(out);
  Store16(out, kIp + 10, Fold(Sum(all.subspan(kIp, 20))));
  const std::uint32_t pseudo = Sum(all.subspan(kIp + 12, 8)) + 17 + udp_length;
  const std::uint16_t checksum = Fold(Sum(all.subspan(kUdp), pseudo));
  Store16(out, kUdp + 6, checksum == 0 ? 0xFFFF : checksum);
  return out;
}

// A heartbeat, with `elements` as its payload; the payload's length is filled in.
inline std::vector<std::byte> HeartbeatFrame(Heartbeat heartbeat,
                                             std::span<const std::byte> elements = {},
                                             const Route& route = {}) {
  heartbeat.payload_length = static_cast<std::uint16_t>(elements.size());
  std::vector<std::byte> payload(kHeartbeatSize);
  EncodeHeartbeat(heartbeat, std::span<std::byte, kHeartbeatSize>(payload.data(), kHeartbeatSize));
  payload.insert(payload.end(), elements.begin(), elements.end());
  return UdpFrame(payload, route);
}

// The payload element that names the group to enrol under.
inline std::vector<std::byte> GroupElement(Group group) {
  std::vector<std::byte> out{std::byte{kElementGroup}, std::byte{4}};
  Append16(out, static_cast<std::uint16_t>(group >> 16));
  Append16(out, static_cast<std::uint16_t>(group & 0xFFFF));
  return out;
}

// Any payload element.
inline std::vector<std::byte> Element(std::uint8_t type, std::span<const std::byte> value) {
  std::vector<std::byte> out(2 + value.size());
  out[0] = std::byte{type};
  out[1] = static_cast<std::byte>(value.size());
  std::ranges::copy(value, out.begin() + 2);
  return out;
}

inline std::vector<std::byte> NumberElement(std::uint8_t type, std::uint32_t number) {
  std::array<std::byte, sizeof number> value{};
  wire::Store<std::uint32_t>(value.data(), number);
  return Element(type, value);
}

inline std::vector<std::byte> TextElement(std::string_view text) {
  return Element(kElementText, std::as_bytes(std::span(text)));
}

}  // namespace flatline::testing_frames
