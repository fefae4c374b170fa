#include "bench/generator/heartbeat_frame.h"

#include <algorithm>
#include <arpa/inet.h>
#include <bit>
#include <charconv>
#include <cstring>
#include <fmt/format.h>
#include <span>

namespace flatline::generator {

namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIpv4 = 20;
constexpr std::size_t kIpv6 = 40;
constexpr std::size_t kUdp = 8;
constexpr std::uint32_t kMostSources = 1U << 24;

template <typename T>
T LoadNative(const std::byte* at) noexcept {
  T out;
  std::memcpy(&out, at, sizeof out);
  return out;
}

template <typename T>
void StoreNative(std::byte* at, T value) noexcept {
  std::memcpy(at, &value, sizeof value);
}

// Sum of 16-bit words in memory order, not yet folded: one's complement sums do not mind the byte
// order, nor that two words are added at a time. `size` is even.
std::uint64_t SumOf(const std::byte* at, std::size_t size) noexcept {
  std::uint64_t sum = 0;
  for (; size >= 4; size -= 4, at += 4) {
    sum += LoadNative<std::uint32_t>(at);
  }
  return size == 0 ? sum : sum + LoadNative<std::uint16_t>(at);
}

std::uint16_t Folded(std::uint64_t sum) noexcept {
  sum = (sum >> 32) + (sum & 0xFFFFFFFFU);
  sum = (sum >> 16) + (sum & 0xFFFFU);
  sum = (sum >> 16) + (sum & 0xFFFFU);
  sum = (sum >> 16) + (sum & 0xFFFFU);
  return static_cast<std::uint16_t>(~sum);
}

void Copy(std::byte* to, std::span<const std::uint8_t> from) noexcept {
  std::memcpy(to, from.data(), from.size());
}

std::expected<std::uint32_t, std::string> SourcesOf(std::string_view prefix_length, bool is_ipv6) {
  const unsigned bits = is_ipv6 ? 128 : 32;
  unsigned length = bits;
  const char* end = prefix_length.end();
  if (!prefix_length.empty() &&
      (std::from_chars(prefix_length.begin(), end, length).ptr != end || length > bits)) {
    return std::unexpected(
        fmt::format("needed a prefix length of at most {}, found '{}'", bits, prefix_length));
  }
  const unsigned host_bits = std::min(bits - length, 24U);
  return host_bits < 2 ? 1 : (1U << host_bits) - 2;
}

}  // namespace

std::expected<MacBytes, std::string> ParseMac(std::string_view text) {
  MacBytes out{};
  const char* at = text.data();
  const char* end = text.data() + text.size();
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto [next, error] = std::from_chars(at, end, out[i], 16);
    const bool is_last = i + 1 == out.size();
    if (error != std::errc{} || (is_last ? next != end : next == end || *next != ':')) {
      return std::unexpected(
          fmt::format("needed a MAC address like 02:46:4c:00:00:02, found '{}'", text));
    }
    at = next + 1;
  }
  return out;
}

std::expected<FrameAddresses, std::string> ParseFrameAddresses(const std::string& source,
                                                               const std::string& target) {
  FrameAddresses out;
  out.is_ipv6 = target.contains(':');
  const int family = out.is_ipv6 ? AF_INET6 : AF_INET;
  if (inet_pton(family, target.c_str(), out.target_ip.data()) != 1) {
    return std::unexpected(fmt::format("needed an IPv4 or IPv6 address, found '{}'", target));
  }
  const std::size_t slash = std::min(source.find('/'), source.size());
  const std::string base = source.substr(0, slash);
  if (inet_pton(family, base.c_str(), out.source_ip.data()) != 1) {
    return std::unexpected(fmt::format(
        "needed a source of the target's family, with or without /length, found '{}'", source));
  }
  const std::string_view length =
      slash == source.size() ? std::string_view{} : std::string_view(source).substr(slash + 1);
  const auto sources = SourcesOf(length, out.is_ipv6);
  if (!sources) {
    return std::unexpected(sources.error());
  }
  out.sources = std::min(*sources, kMostSources);
  if (out.sources > 1) {  // the network's own address is nobody's
    ++out.source_ip[out.is_ipv6 ? 15 : 3];
  }
  return out;
}

FrameTemplate::FrameTemplate(const std::optional<FrameAddresses>& addresses, ProfileId profile)
    : profile_(profile) {
  if (addresses) {
    is_ipv4_ = !addresses->is_ipv6;
    udp_offset_ = kEthernet + (is_ipv4_ ? kIpv4 : kIpv6);
    payload_offset_ = udp_offset_ + kUdp;
    sources_ = addresses->sources;
  }
  bytes_.resize(payload_offset_ + kGeneratedPayload);
  std::byte* element = bytes_.data() + payload_offset_ + kHeartbeatSize;
  element[0] = std::byte{kElementGroup};
  element[1] = std::byte{4};
  if (addresses) {
    Copy(bytes_.data(), addresses->target_mac);
    Copy(bytes_.data() + 6, addresses->source_mac);
    LayUdp(*addresses);
    if (is_ipv4_) {
      LayIpv4(*addresses);
    } else {
      LayIpv6(*addresses);
    }
  }
}

void FrameTemplate::LayUdp(const FrameAddresses& addresses) {
  std::byte* udp = bytes_.data() + udp_offset_;
  wire::Store<std::uint16_t>(udp, addresses.source_port);
  wire::Store<std::uint16_t>(udp + 2, addresses.target_port);
  wire::Store<std::uint16_t>(udp + 4, kUdp + kGeneratedPayload);
  // The pseudo header repeats the length, and has the protocol.
  udp_sum_ = SumOf(udp, kUdp) +
             std::byteswap(static_cast<std::uint16_t>(kUdp + kGeneratedPayload)) +
             std::byteswap(std::uint16_t{IPPROTO_UDP});
}

void FrameTemplate::LayIpv4(const FrameAddresses& addresses) {
  wire::Store<std::uint16_t>(bytes_.data() + 12, 0x0800);
  std::byte* ip = bytes_.data() + kEthernet;
  ip[0] = std::byte{0x45};
  wire::Store<std::uint16_t>(ip + 2, kIpv4 + kUdp + kGeneratedPayload);
  wire::Store<std::uint16_t>(ip + 6, 0x4000);  // do not fragment
  ip[8] = std::byte{64};
  ip[9] = std::byte{IPPROTO_UDP};
  Copy(ip + 16, std::span(addresses.target_ip).first<4>());
  source_offset_ = kEthernet + 12;
  ip_sum_ = SumOf(ip, kIpv4);
  udp_sum_ += SumOf(ip + 16, 4);
  Copy(ip + 12, std::span(addresses.source_ip).first<4>());
  first_source_ = wire::Load<std::uint32_t>(ip + 12);
}

void FrameTemplate::LayIpv6(const FrameAddresses& addresses) {
  wire::Store<std::uint16_t>(bytes_.data() + 12, 0x86DD);
  std::byte* ip = bytes_.data() + kEthernet;
  ip[0] = std::byte{0x60};
  wire::Store<std::uint16_t>(ip + 4, kUdp + kGeneratedPayload);
  ip[6] = std::byte{IPPROTO_UDP};
  ip[7] = std::byte{64};
  Copy(ip + 8, addresses.source_ip);
  Copy(ip + 24, addresses.target_ip);
  source_offset_ = kEthernet + 20;
  first_source_ = wire::Load<std::uint32_t>(ip + 20);
  udp_sum_ += SumOf(ip + 8, 12) + SumOf(ip + 24, 16);  // all but what varies
}

void FrameTemplate::WriteHeaders(std::byte* room, Index index) const noexcept {
  const std::uint32_t host = sources_ == 1 ? 0 : index % sources_;
  const std::uint32_t source = std::byteswap(first_source_ + host);
  StoreNative(room + source_offset_, source);
  if (is_ipv4_) {
    StoreNative(room + kEthernet + 10, Folded(ip_sum_ + source));
  }
  const std::uint16_t sum =
      Folded(udp_sum_ + source + SumOf(room + payload_offset_, kGeneratedPayload));
  // 0 would say that there is no checksum; 0xFFFF is the same number.
  StoreNative(room + udp_offset_ + 6, sum == 0 ? std::uint16_t{0xFFFF} : sum);
}

void FrameTemplate::Write(std::byte* room, const FrameFields& fields) const noexcept {
  std::memcpy(room, bytes_.data(), bytes_.size());
  std::byte* payload = room + payload_offset_;
  const Heartbeat heartbeat{.id = fields.id,
                            .sent_ns = fields.sent_ns,
                            .incarnation = fields.incarnation,
                            .sequence = fields.sequence,
                            .handle = fields.handle,
                            .profile = profile_,
                            .kind = fields.kind,
                            .health = Health::kReady,
                            .wants_acknowledgement = fields.wants_acknowledgement,
                            .payload_length = kGeneratedPayload - kHeartbeatSize};
  EncodeHeartbeat(heartbeat, std::span<std::byte, kHeartbeatSize>(payload, kHeartbeatSize));
  wire::Store<std::uint32_t>(payload + kHeartbeatSize + 2, fields.rack);
  if (payload_offset_ != 0) {
    WriteHeaders(room, fields.index);
  }
}

}  // namespace flatline::generator
