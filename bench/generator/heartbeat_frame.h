// Frames (or bare UDP payloads) of heartbeats, made from a template: all that is the same for a
// cohort is written once, the rest and the checksums for each frame. Used by the traffic loop and
// the flood. Pure, no allocation after construction. Cost: a copy of about 90 bytes, a dozen
// stores, one checksum over the 46 bytes that change.
#pragma once

#include "bench/generator/fleet.h"

#include <flatline/heartbeat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flatline::generator {

using MacBytes = std::array<std::uint8_t, 6>;

// Where frames come from and go to, from Ethernet to UDP.
struct FrameAddresses {
  MacBytes source_mac{0x02, 0x46, 0x4C, 0x00, 0x00, 0x01};
  MacBytes target_mac{0x02, 0x46, 0x4C, 0x00, 0x00, 0x02};
  bool is_ipv6 = false;
  std::array<std::uint8_t, 16> source_ip{};  // IPv4 in the first four bytes; of endpoint 0
  std::array<std::uint8_t, 16> target_ip{};
  std::uint32_t sources = 1;  // endpoint i speaks from source_ip + i mod sources
  std::uint16_t source_port = kHeartbeatPort;
  std::uint16_t target_port = kHeartbeatPort;
};

[[nodiscard]] std::expected<MacBytes, std::string> ParseMac(std::string_view text);

// From "10.0.0.0/8" (sources: its host addresses) and "10.255.0.1", or the same of IPv6. At most
// 2^24 sources are used.
[[nodiscard]] std::expected<FrameAddresses, std::string> ParseFrameAddresses(
    const std::string& source, const std::string& target);

// What differs from one heartbeat to the next.
struct FrameFields {
  EndpointId id = kNoEndpoint;
  std::uint64_t sent_ns = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t sequence = 0;
  Slot handle = kNoSlot;
  Index index = 0;
  Rack rack = 0;
  HeartbeatKind kind = HeartbeatKind::kHeartbeat;
  bool wants_acknowledgement = false;
};

class FrameTemplate {
 public:
  // Without addresses: the UDP payload alone.
  FrameTemplate(const std::optional<FrameAddresses>& addresses, ProfileId profile);

  [[nodiscard]] std::uint32_t length() const noexcept {
    return static_cast<std::uint32_t>(bytes_.size());
  }

  // Where the UDP payload begins; the same in what comes back.
  [[nodiscard]] std::size_t payload_offset() const noexcept { return payload_offset_; }

  // Writes length() bytes.
  void Write(std::byte* room, const FrameFields& fields) const noexcept;

 private:
  void LayIpv4(const FrameAddresses& addresses);
  void LayIpv6(const FrameAddresses& addresses);
  void LayUdp(const FrameAddresses& addresses);
  void WriteHeaders(std::byte* room, Index index) const noexcept;

  std::vector<std::byte> bytes_;  // with everything that varies, and the checksums, zero
  std::size_t payload_offset_ = 0;
  std::size_t source_offset_ = 0;  // the last four bytes of the IP source
  std::size_t udp_offset_ = 0;
  std::uint32_t first_source_ = 0;
  std::uint32_t sources_ = 1;
  std::uint64_t ip_sum_ = 0;   // of the IPv4 header without its varying source
  std::uint64_t udp_sum_ = 0;  // of pseudo header and UDP header, the same
  bool is_ipv4_ = false;
  ProfileId profile_;
};

inline constexpr std::size_t kGeneratedPayload = kHeartbeatSize + 6;  // with the group element

}  // namespace flatline::generator
