#include "dataplane/dpdk/partial_checksum.h"

#include <cstddef>
#include <cstdint>

namespace flatline::dpdk {
namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIpv4 = 20;
constexpr std::size_t kIpv6 = 40;
constexpr std::size_t kUdp = 8;
constexpr std::uint32_t kUdpProtocol = 17;

std::uint32_t Byte(const Frame& frame, std::size_t at) noexcept {
  return std::to_integer<std::uint32_t>(frame.data[at]);
}

std::uint32_t Word(const Frame& frame, std::size_t at) noexcept {
  return (Byte(frame, at) << 8) | Byte(frame, at + 1);
}

std::uint32_t SumOfWords(const Frame& frame, std::size_t from, std::size_t bytes) noexcept {
  std::uint32_t sum = 0;
  for (std::size_t at = from; at < from + bytes; at += 2) {
    sum += Word(frame, at);
  }
  return sum;
}

// Whether the field of the UDP header at `udp` is the sum over addresses, protocol and length.
bool IsPseudoHeaderSum(const Frame& frame, std::size_t udp, std::uint32_t address_sum) noexcept {
  std::uint32_t sum = address_sum + kUdpProtocol + Word(frame, udp + 4);
  sum = (sum & 0xFFFF) + (sum >> 16);
  sum = (sum & 0xFFFF) + (sum >> 16);
  return sum == Word(frame, udp + 6);
}

}  // namespace

bool CarriesPartialChecksum(const Frame& frame) noexcept {
  if (frame.length < kEthernet + kIpv4 + kUdp) {
    return false;
  }
  const std::uint32_t ether_type = Word(frame, 12);
  if (ether_type == 0x0800) {
    return Byte(frame, kEthernet) == 0x45 && Byte(frame, kEthernet + 9) == kUdpProtocol &&
           IsPseudoHeaderSum(frame, kEthernet + kIpv4, SumOfWords(frame, kEthernet + 12, 8));
  }
  return ether_type == 0x86DD && frame.length >= kEthernet + kIpv6 + kUdp &&
         Byte(frame, kEthernet + 6) == kUdpProtocol &&
         IsPseudoHeaderSum(frame, kEthernet + kIpv6, SumOfWords(frame, kEthernet + 8, 32));
}

}  // namespace flatline::dpdk
