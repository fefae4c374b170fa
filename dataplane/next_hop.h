// How a frame of ours gets to somebody: the MAC to send it to, the VLAN tags it carries, the
// address of ours that it comes from. Kept by neighbours, used by those who ask (probe_frame).
// Plain data.
#pragma once

#include "dataplane/port_identity.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace flatline {

inline constexpr std::size_t kMostTagBytes = 8;  // two tags

struct NextHop {
  MacAddress mac{};
  std::uint8_t tag_bytes = 0;
  std::array<std::byte, kMostTagBytes> tags{};  // as in a frame, before the type of what follows
  IpAddress ours{};

  constexpr bool operator==(const NextHop&) const = default;
};

constexpr bool IsIpv4(const IpAddress& address) noexcept {
  for (std::size_t i = 0; i < 10; ++i) {
    if (address[i] != 0) {
      return false;
    }
  }
  return address[10] == 0xFF && address[11] == 0xFF;
}

// One host's, so that it can be asked: not a group's, not everybody's, not nobody's.
constexpr bool IsHostAddress(const IpAddress& address) noexcept {
  if (IsIpv4(address)) {
    return address[12] != 0 && address[12] < 224;
  }
  return address[0] != 0xFF && address != IpAddress{};
}

}  // namespace flatline
