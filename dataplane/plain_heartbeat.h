// The frame that nearly every frame is: a heartbeat without VLAN tags, options, extensions or
// payload, with an authentication tag or without, to an address of ours. Recognised by comparing
// its headers with what they must be, 64 bytes at once, where ParsePacket and DecodeHeartbeat go
// from field to field. Made for each address of a port at start, used by workers for every frame.
// Says yes only to what those two accept; to all else it says no, not why: they find out. Pure,
// noexcept, reads nothing beyond the frame. Cost: some thirty instructions, forty more where the
// device verified no checksums.
#pragma once

#include "dataplane/frame.h"
#include "dataplane/internet_checksum.h"
#include "dataplane/packet.h"
#include "dataplane/port_identity.h"
#include "dataplane/siphash.h"

#include <flatline/heartbeat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace flatline {

class PlainHeartbeat {
 public:
  // Of frames to `address` at a port of this identity, with tags of this size; any address of the
  // same family where the identity has none.
  PlainHeartbeat(const PortIdentity& identity, const IpAddress& address, TagSize tag) noexcept;

  // The heartbeat in the frame, of kHeartbeatSize bytes and the tag; null where the frame is not
  // plain.
  [[nodiscard]] const std::byte* In(const Frame& frame) const noexcept {
    if (frame.length - least_ > kLongestFrame - least_ || frame.chained) [[unlikely]] {
      return nullptr;
    }
    const std::byte* heartbeat = frame.data + heartbeat_;
    const std::uint64_t difference = HeaderDifference(frame.data) |
                                     ((WordAt(heartbeat) ^ first_word_) & kFirstMask) |
                                     (WordAt(heartbeat + 32) & kLastMask);
    return difference == 0 && ChecksumsHold(frame) ? heartbeat : nullptr;
  }

  // Of the authentication tag behind the heartbeat, which is not verified here.
  [[nodiscard]] TagSize tag() const noexcept { return tag_; }

  // What ParsePacket makes of a frame that is plain.
  [[nodiscard]] Packet PacketOf(const Frame& frame) const noexcept;

 private:
  static constexpr std::size_t kHeaderWords = 8;

  // The heartbeat's first and last eight bytes, in the byte order of memory: magic, version, kind,
  // two flags that may be set and one that says whether there is a tag, a health up to 3, any
  // profile; any handle, no payload, zero.
  static constexpr std::uint64_t kFirstWord = 0x0000'0000'0001'4C46ULL;
  static constexpr std::uint64_t kTaggedFirstWord = 0x0000'0004'0001'4C46ULL;
  static constexpr std::uint64_t kFirstMask = 0x0000'FCFC'FFFF'FFFFULL;
  static constexpr std::uint64_t kLastMask = 0xFFFF'FFFF'0000'0000ULL;

  static std::uint64_t WordAt(const std::byte* at) noexcept {
    std::uint64_t out = 0;
    std::memcpy(&out, at, sizeof out);
    return out;
  }

  // In vectors of 16 bytes, which every 64-bit processor has.
  [[nodiscard]] std::uint64_t HeaderDifference(const std::byte* data) const noexcept {
    using Vector [[gnu::vector_size(16)]] = std::uint64_t;
    Vector out{};
    for (std::size_t i = 0; i < kHeaderWords; i += 2) {
      Vector found;
      Vector value;
      Vector mask;
      std::memcpy(&found, data + 8 * i, sizeof found);
      std::memcpy(&value, &value_[i], sizeof value);
      std::memcpy(&mask, &mask_[i], sizeof mask);
      out |= (found ^ value) & mask;
    }
    return out[0] | out[1];
  }

  [[nodiscard]] bool ChecksumsHold(const Frame& frame) const noexcept {
    return frame.ip_checksum == ChecksumStatus::kGood && frame.udp_checksum == ChecksumStatus::kGood
               ? HasUdpChecksum(frame.data)
               : SumsHold(frame);
  }

  // A zero says that there is none, which is not plain.
  [[nodiscard]] bool HasUdpChecksum(const std::byte* data) const noexcept {
    std::uint16_t checksum = 0;
    std::memcpy(&checksum, data + heartbeat_ - 2, sizeof checksum);
    return checksum != 0;
  }

  [[nodiscard]] bool SumsHold(const Frame& frame) const noexcept;
  void Expect(std::size_t at, std::uint32_t value, std::size_t bytes) noexcept;
  void ExpectIpv4(const PortIdentity& identity, const IpAddress& address) noexcept;
  void ExpectIpv6(const PortIdentity& identity, const IpAddress& address) noexcept;

  std::array<std::uint64_t, kHeaderWords> value_{};
  std::array<std::uint64_t, kHeaderWords> mask_{};
  std::uint64_t first_word_;
  TagSize tag_;
  std::uint16_t udp_length_;
  std::uint32_t heartbeat_ = 0;  // its offset in the frame
  std::uint32_t least_ = 0;      // length of a frame that holds it
};

// One for each address of the port; for a port without, one for each family. Where there are tags,
// another one of each, with them, before the one without.
[[nodiscard]] std::vector<PlainHeartbeat> PlainHeartbeatsFor(const PortIdentity& identity,
                                                             TagSize tag = TagSize::kNone);

}  // namespace flatline
