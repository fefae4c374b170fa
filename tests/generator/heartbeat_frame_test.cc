#include "bench/generator/heartbeat_frame.h"

#include <array>
#include <cstring>
#include <random>

#include <gtest/gtest.h>

namespace flatline::generator {
namespace {

constexpr std::size_t kIpv4Udp = 34;
constexpr std::size_t kIpv6Udp = 54;

// The checksum of RFC 1071 as it is written there: big-endian words, one after the other.
std::uint32_t Add(std::uint32_t sum, std::span<const std::byte> bytes) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += wire::Load<std::uint16_t>(&bytes[i]);
  }
  return sum;
}

std::uint16_t Fold(std::uint32_t sum) {
  while (sum > 0xFFFF) {
    sum = (sum >> 16) + (sum & 0xFFFF);
  }
  return static_cast<std::uint16_t>(sum);
}

FrameFields RandomFields(std::mt19937_64& random, Index index) {
  return {.id = random() | 1,
          .sent_ns = random(),
          .incarnation = static_cast<std::uint32_t>(random()),
          .sequence = static_cast<std::uint32_t>(random()),
          .handle = static_cast<Slot>(random() % 1'000'000),
          .index = index,
          .rack = static_cast<Rack>(random()),
          .kind = index % 5 == 0 ? HeartbeatKind::kLeave : HeartbeatKind::kHeartbeat,
          .wants_acknowledgement = index % 2 == 0};
}

TEST(FrameTemplate, Ipv4ChecksumsHoldForManyFrames) {
  const auto addresses = ParseFrameAddresses("10.1.0.0/16", "192.0.2.7");
  ASSERT_TRUE(addresses) << addresses.error();
  const FrameTemplate frame(*addresses, 2);
  std::array<std::byte, 256> room{};
  std::mt19937_64 random(1);
  for (Index index = 0; index < 5000; ++index) {
    frame.Write(room.data(), RandomFields(random, index));
    const std::span<const std::byte> bytes(room.data(), frame.length());
    EXPECT_EQ(Fold(Add(0, bytes.subspan(14, 20))), 0xFFFF);
    const auto udp = bytes.subspan(kIpv4Udp);
    std::uint32_t sum = 17 + static_cast<std::uint32_t>(udp.size());
    sum = Add(sum, bytes.subspan(26, 8));
    EXPECT_EQ(Fold(Add(sum, udp)), 0xFFFF);
    EXPECT_NE(wire::Load<std::uint16_t>(&udp[6]), 0) << "0 says: no checksum";
    EXPECT_EQ(wire::Load<std::uint16_t>(&bytes[16]), bytes.size() - 14);
    EXPECT_EQ(wire::Load<std::uint32_t>(&bytes[26]), 0x0A010001U + index % 65534);
  }
}

TEST(FrameTemplate, Ipv6ChecksumsHoldForManyFrames) {
  const auto addresses = ParseFrameAddresses("fd00::/64", "fd00:1::7");
  ASSERT_TRUE(addresses) << addresses.error();
  const FrameTemplate frame(*addresses, 2);
  std::array<std::byte, 256> room{};
  std::mt19937_64 random(2);
  for (Index index = 0; index < 5000; ++index) {
    frame.Write(room.data(), RandomFields(random, index));
    const std::span<const std::byte> bytes(room.data(), frame.length());
    const auto udp = bytes.subspan(kIpv6Udp);
    std::uint32_t sum = 17 + static_cast<std::uint32_t>(udp.size());
    sum = Add(sum, bytes.subspan(22, 32));
    EXPECT_EQ(Fold(Add(sum, udp)), 0xFFFF);
    EXPECT_EQ(wire::Load<std::uint16_t>(&bytes[18]), udp.size());
  }
}

TEST(FrameTemplate, ThePayloadDecodesToWhatWasSaid) {
  std::mt19937_64 random(3);
  std::array<std::byte, 256> room{};
  for (const bool with_headers : {false, true}) {
    const auto addresses = ParseFrameAddresses("10.0.0.1", "10.0.0.2");
    const FrameTemplate frame(with_headers ? std::optional(*addresses) : std::nullopt, 7);
    const FrameFields fields = RandomFields(random, 10);
    frame.Write(room.data(), fields);
    const std::span<const std::byte> payload(room.data() + frame.payload_offset(),
                                             frame.length() - frame.payload_offset());
    const auto heartbeat = DecodeHeartbeat(payload);
    ASSERT_TRUE(heartbeat);
    EXPECT_EQ(heartbeat->id, fields.id);
    EXPECT_EQ(heartbeat->incarnation, fields.incarnation);
    EXPECT_EQ(heartbeat->sequence, fields.sequence);
    EXPECT_EQ(heartbeat->sent_ns, fields.sent_ns);
    EXPECT_EQ(heartbeat->handle, fields.handle);
    EXPECT_EQ(heartbeat->profile, 7);
    EXPECT_EQ(heartbeat->kind, HeartbeatKind::kLeave);
    EXPECT_TRUE(heartbeat->wants_acknowledgement);
    EXPECT_EQ(heartbeat->payload_length, 6);
    EXPECT_EQ(payload[kHeartbeatSize], std::byte{kElementGroup});
    EXPECT_EQ(wire::Load<std::uint32_t>(&payload[kHeartbeatSize + 2]), fields.rack);
  }
}

TEST(Addresses, WrongOnesAreRefused) {
  EXPECT_FALSE(ParseFrameAddresses("10.0.0.0/33", "10.0.0.1"));
  EXPECT_FALSE(ParseFrameAddresses("10.0.0.0/8", "fd00::1"));
  EXPECT_FALSE(ParseFrameAddresses("10.0.0.0/x", "10.0.0.1"));
  EXPECT_FALSE(ParseFrameAddresses("10.0.0", "10.0.0.1"));
  EXPECT_TRUE(ParseMac("02:46:4c:00:00:02"));
  for (const char* text : {"",
                           "02:46:4c:00:00",
                           "02:46:4c:00:00:02:03",
                           "02-46-4c-00-00-02",
                           "02:46:4c:00:00:0g",
                           "102:46:4c:00:00:02"}) {
    EXPECT_FALSE(ParseMac(text)) << text;
  }
}

}  // namespace
}  // namespace flatline::generator
