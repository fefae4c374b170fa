// From a frame to the UDP payload meant for us, or the reason why there is none: Ethernet, up to
// two VLAN tags, IPv4 with options, IPv6 with extension headers, UDP, checksums. Called by a worker
// for every frame; knows neither endpoints nor time. Pure, noexcept, reads nothing beyond `length`.
// Cost: the plain case (untagged, no options, checksums offloaded) is a dozen loads.
#pragma once

#include "dataplane/frame.h"
#include "dataplane/port_identity.h"

#include <flatline/drop_reason.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace flatline {

// So that every offset and length fits 16 bits; what is longer is kOversized.
inline constexpr std::uint32_t kLongestFrame = 0xFFFF;

enum class PacketClass : std::uint8_t {
  kDatagram,    // UDP to our port: `payload` is its content
  kArpRequest,  // for one of our addresses: the responder's
  kNeighbourSolicitation,
  kEcho4,
  kEcho6,
  kEchoReply,  // of either version; `payload` is what was echoed: the prober's, from here on
  kArpReply,   // to us
  kNeighbourAdvertisement,
};

// Whether it asks for an answer, where it is no datagram.
constexpr bool AsksForAnswer(PacketClass kind) noexcept {
  return kind < PacketClass::kEchoReply;
}

struct Packet {
  PacketClass kind = PacketClass::kDatagram;
  bool is_ipv6 = false;
  std::uint16_t l3_offset = 0;  // of the IP or ARP header
  std::uint16_t l4_offset = 0;  // of the UDP or ICMP header
  std::uint16_t l4_length = 0;  // of the UDP or ICMP message, header included
  std::span<const std::byte> payload;

  [[nodiscard]] constexpr bool is_about_next_hop() const noexcept {
    return kind == PacketClass::kArpReply || kind == PacketClass::kNeighbourAdvertisement;
  }
};

[[nodiscard]] std::expected<Packet, DropReason> ParsePacket(const Frame& frame,
                                                            const PortIdentity& identity) noexcept;

// Source of a UDP datagram or an echo reply that parsed.
struct DatagramSource {
  IpAddress ip{};
  std::uint16_t udp_port = 0;  // means nothing for an echo reply
};

[[nodiscard]] DatagramSource SourceOf(const Frame& frame, const Packet& packet) noexcept;

// Whom it was sent to.
[[nodiscard]] IpAddress DestinationOf(const Frame& frame, const Packet& packet) noexcept;

// What an ARP reply or a neighbour advertisement that parsed says.
struct NeighbourWord {
  IpAddress ip{};
  MacAddress mac{};
};

[[nodiscard]] NeighbourWord NeighbourWordOf(const Frame& frame, const Packet& packet) noexcept;

}  // namespace flatline
