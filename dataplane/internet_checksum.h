// The Internet checksum (RFC 1071) as a running sum, shared by those who verify it and those who
// write it. Sums are kept in the byte order of memory, so a folded sum is compared and stored as it
// is. Called on poll cores, for spans that lie within a frame. Cost: an addition per four bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace flatline {

// Adds `size` bytes at `at`; a message is summed in pieces of even length, the last may be odd.
inline std::uint64_t AddToChecksum(std::uint64_t sum,
                                   const std::byte* at,
                                   std::size_t size) noexcept {
  for (; size >= 4; at += 4, size -= 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, 4);
    sum += word;
  }
  std::uint32_t rest = 0;
  std::memcpy(&rest, at, size);
  return sum + rest;
}

// What the pseudo-headers of IPv4 and IPv6 add beside the two addresses.
constexpr std::uint64_t PseudoHeaderSum(std::uint8_t protocol, std::uint16_t length) noexcept {
  return std::uint64_t{std::byteswap(length)} + (std::uint64_t{protocol} << 8);
}

// 0xFFFF where the bytes summed include their own, correct checksum.
constexpr std::uint16_t FoldChecksum(std::uint64_t sum) noexcept {
  sum = (sum & 0xFFFFFFFFU) + (sum >> 32);
  sum = (sum & 0xFFFFFFFFU) + (sum >> 32);
  sum = (sum & 0xFFFFU) + (sum >> 16);
  sum = (sum & 0xFFFFU) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

}  // namespace flatline
