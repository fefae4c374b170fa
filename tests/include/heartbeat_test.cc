// The heartbeat on the wire. The golden vectors are written out by hand from the table in
// heartbeat.h and checked by the compiler; what each rejection is called, by the table below.
#include <flatline/heartbeat.h>

#include <array>
#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

using Bytes = std::array<std::byte, kHeartbeatSize>;

constexpr Bytes FromHex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Bytes out{};
  std::size_t nibbles = 0;
  for (const char c : hex) {
    if (c != ' ') {
      out[nibbles / 2] =
          static_cast<std::byte>((std::to_integer<int>(out[nibbles / 2]) << 4) | digit(c));
      ++nibbles;
    }
  }
  return out;
}

constexpr Bytes Encoded(const Heartbeat& heartbeat) {
  Bytes out{};
  EncodeHeartbeat(heartbeat, out);
  return out;
}

constexpr bool Golden(const Heartbeat& heartbeat, const Bytes& bytes) {
  return Encoded(heartbeat) == bytes && DecodeHeartbeat(bytes) == heartbeat;
}

constexpr Heartbeat kPlain{.id = 0x0102030405060708,
                           .sent_ns = 0x1112131415161718,
                           .incarnation = 0x21222324,
                           .sequence = 0x31323334,
                           .handle = 0x41424344,
                           .profile = 0x5152,
                           .kind = HeartbeatKind::kHeartbeat,
                           .health = Health::kReady,
                           .wants_acknowledgement = true,
                           .payload_length = 0};
constexpr Bytes kPlainBytes = FromHex(
    "464c 01 00 03 01 5152 0102030405060708 21222324 31323334 1112131415161718 41424344 0000 0000");
static_assert(Golden(kPlain, kPlainBytes), "every field in its place, high byte first");

static_assert(Golden({.id = 7},
                     FromHex("464c 01 00 00 00 0000 0000000000000007 00000000 00000000 "
                             "0000000000000000 00000000 0000 0000")),
              "without a handle its flag is clear and its field zero");
static_assert(Golden({.id = 7, .handle = 0},
                     FromHex("464c 01 00 02 00 0000 0000000000000007 00000000 00000000 "
                             "0000000000000000 00000000 0000 0000")),
              "handle 0 is a handle");
static_assert(Golden({.id = 0xFFFFFFFFFFFFFFFF,
                      .incarnation = 0xFFFFFFFF,
                      .sequence = 0xFFFFFFFF,
                      .profile = 0xFFFF,
                      .kind = HeartbeatKind::kLeave,
                      .health = Health::kFailing},
                     FromHex("464c 01 01 00 03 ffff ffffffffffffffff ffffffff ffffffff "
                             "0000000000000000 00000000 0000 0000")),
              "a leave, and the largest of everything");
static_assert(Golden({.id = 9, .handle = 5, .kind = HeartbeatKind::kAcknowledgement},
                     FromHex("464c 01 02 02 00 0000 0000000000000009 00000000 00000000 "
                             "0000000000000000 00000005 0000 0000")),
              "an acknowledgement carries the handle");

using Datagram = std::vector<std::byte>;

Datagram Plain(std::size_t size = kHeartbeatSize) {
  Datagram out(kPlainBytes.begin(), kPlainBytes.end());
  out.resize(size);
  return out;
}

Datagram With(std::size_t offset, int value, std::size_t size = kHeartbeatSize) {
  Datagram out = Plain(size);
  out[offset] = static_cast<std::byte>(value);
  return out;
}

struct Rejection {
  std::string_view sentence;
  Datagram datagram;
  DropReason reason;
};

Datagram WithoutId() {
  Datagram out = Plain();
  std::fill_n(out.begin() + 8, 8, std::byte{0});
  return out;
}

Datagram Stating(int high, int low, std::size_t size) {
  Datagram out = With(36, high, size);
  out[37] = static_cast<std::byte>(low);
  return out;
}

TEST(Heartbeat, EveryRejectionHasItsName) {
  const std::vector<Rejection> rejections{
      {"nothing at all", {}, DropReason::kTruncatedHeartbeat},
      {"one byte short", Plain(39), DropReason::kTruncatedHeartbeat},
      {"first letter of the magic", With(0, 'f'), DropReason::kWrongMagic},
      {"second letter of the magic", With(1, 'l'), DropReason::kWrongMagic},
      {"version 0", With(2, 0), DropReason::kWrongVersion},
      {"version 2", With(2, 2), DropReason::kWrongVersion},
      {"a kind beyond the last", With(3, 7), DropReason::kUnknownKind},
      {"a flag that is not defined", With(4, 8), DropReason::kBadHeartbeat},
      {"health beyond failing", With(5, 4), DropReason::kBadHeartbeat},
      {"id 0", WithoutId(), DropReason::kBadHeartbeat},
      {"reserved high byte", With(38, 1), DropReason::kBadHeartbeat},
      {"reserved low byte", With(39, 1), DropReason::kBadHeartbeat},
      {"states a payload that is not there", Stating(0, 1, 40), DropReason::kTruncatedHeartbeat},
      {"states more payload than there is", Stating(0, 8, 47), DropReason::kTruncatedHeartbeat},
      {"more behind the payload, no tag", Stating(0, 6, 47), DropReason::kBadPayload},
      {"more behind the header, no tag", Plain(41), DropReason::kBadPayload},
      {"a payload too long", Stating(1, 1, 297), DropReason::kBadPayload},
  };
  for (const Rejection& rejection : rejections) {
    const auto decoded = DecodeHeartbeat(rejection.datagram);
    ASSERT_FALSE(decoded.has_value()) << rejection.sentence;
    EXPECT_EQ(NameOf(decoded.error()), NameOf(rejection.reason)) << rejection.sentence;
  }
}

TEST(Heartbeat, TakesThePayloadItStates) {
  EXPECT_EQ(DecodeHeartbeat(Stating(0, 6, 46)).value().payload_length, 6);
  EXPECT_EQ(DecodeHeartbeat(Stating(1, 0, 296)).value().payload_length, 256);
}

TEST(Heartbeat, LeavesRoomForATagOnlyWithItsFlag) {
  EXPECT_TRUE(DecodeHeartbeat(With(4, kFlagAuthenticated, 56)).has_value());
  EXPECT_FALSE(DecodeHeartbeat(With(4, 0, 56)).has_value());
}

TEST(Heartbeat, IgnoresAHandleWithoutItsFlag) {
  EXPECT_EQ(DecodeHeartbeat(With(4, 0)).value().handle, kNoSlot);
}

}  // namespace
}  // namespace flatline
