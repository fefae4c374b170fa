// What a port answers to: its MAC, its addresses, its UDP port. Filled at start by dpdk/ from the
// configuration and the device, read by the workers for every frame. Plain data, never changed
// after start.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace flatline {

using MacAddress = std::array<std::uint8_t, 6>;
using IpAddress = std::array<std::uint8_t, 16>;  // IPv4 as ::ffff:a.b.c.d

struct PortIdentity {
  MacAddress mac{};
  std::uint16_t udp_port = 0;
  bool promiscuous = false;           // take frames whatever their destination MAC
  std::vector<IpAddress> addresses;   // empty: any IP destination, and no ARP or ND answers
  std::vector<IpAddress> gateways{};  // by which those are asked whose own way is not known
};

}  // namespace flatline
