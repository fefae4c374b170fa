// What the plain form says yes to, ParsePacket and DecodeHeartbeat accept, with the same content;
// and it says yes to what agents send. Held against them on frames with seeded changes.
#include "dataplane/plain_heartbeat.h"

#include "tests/dataplane/frame_table.h"
#include "tests/dataplane/frames.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing_frames::HeartbeatFrame;

constexpr unsigned kSeed = 20261121;
constexpr IpAddress kOurs4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1};
constexpr IpAddress kOurs6{0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

PortIdentity Identity(std::vector<IpAddress> addresses) {
  return {.mac = {2, 0, 0, 0, 0, 1},
          .udp_port = kHeartbeatPort,
          .promiscuous = false,
          .addresses = std::move(addresses)};
}

Frame FrameOn(const std::vector<std::byte>& bytes, ChecksumStatus status) {
  return {.data = bytes.data(),
          .length = static_cast<std::uint32_t>(bytes.size()),
          .ip_checksum = status,
          .udp_checksum = status};
}

// The heartbeat that any of the forms sees in the frame.
const std::byte* PlainIn(const Frame& frame, const std::vector<PlainHeartbeat>& forms) {
  for (const PlainHeartbeat& form : forms) {
    if (const std::byte* heartbeat = form.In(frame)) {
      return heartbeat;
    }
  }
  return nullptr;
}

// The same heartbeat over IPv6, with a true checksum.
std::vector<std::byte> Ipv6Frame(const Heartbeat& heartbeat) {
  const std::vector<std::byte> over_ipv4 = HeartbeatFrame(heartbeat);
  std::vector<std::byte> out(over_ipv4.begin(), over_ipv4.begin() + 12);
  testing_frames::Append16(out, 0x86DD);
  testing_frames::Append16(out, 0x6000);
  testing_frames::Append16(out, 0);
  testing_frames::Append16(out, 48);
  testing_frames::Append16(out, 0x1140);
  for (const IpAddress& address : {IpAddress{0xFD, 9}, kOurs6}) {
    testing_frames::Append(out, address);
  }
  out.insert(out.end(), over_ipv4.begin() + 34, over_ipv4.end());
  testing_frames::Store16(out, 60, 0);
  const std::span<const std::byte> all(out);
  const std::uint32_t pseudo = testing_frames::Sum(all.subspan(22, 32)) + 17 + 48;
  testing_frames::Store16(
      out, 60, testing_frames::Fold(testing_frames::Sum(all.subspan(54), pseudo)));
  return out;
}

// Both ways of reading a frame. True where it is plain.
bool IsPlainAndBothAgree(const Frame& frame,
                         const PortIdentity& identity,
                         const std::vector<PlainHeartbeat>& forms) {
  const std::byte* plain = PlainIn(frame, forms);
  if (plain == nullptr) {
    return false;
  }
  const auto packet = ParsePacket(frame, identity);
  EXPECT_TRUE(packet.has_value());
  if (!packet) {
    return true;
  }
  EXPECT_EQ(packet->kind, PacketClass::kDatagram);
  EXPECT_EQ(packet->payload.data(), plain);
  EXPECT_EQ(packet->payload.size(), kHeartbeatSize);
  const auto heartbeat = DecodeHeartbeat(packet->payload);
  // An id of 0 is for whoever looks it up to turn down.
  EXPECT_TRUE(heartbeat.has_value() || wire::Load<std::uint64_t>(plain + 8) == kNoEndpoint);
  if (heartbeat) {
    EXPECT_EQ(heartbeat->kind, HeartbeatKind::kHeartbeat);
    EXPECT_EQ(heartbeat->payload_length, 0);
  }
  return true;
}

TEST(PlainHeartbeat, SaysYesToWhatAgentsSend) {
  const PortIdentity identity = Identity({kOurs6, kOurs4});
  const auto forms = PlainHeartbeatsFor(identity);
  const Heartbeat heartbeat{.id = 7,
                            .sent_ns = 5,
                            .incarnation = 3,
                            .sequence = 9,
                            .handle = 4,
                            .profile = 2,
                            .health = Health::kFailing,
                            .wants_acknowledgement = true};
  for (const auto& bytes : {HeartbeatFrame(heartbeat), Ipv6Frame(heartbeat)}) {
    for (const ChecksumStatus status : {ChecksumStatus::kGood, ChecksumStatus::kUnknown}) {
      const Frame frame = FrameOn(bytes, status);
      EXPECT_TRUE(IsPlainAndBothAgree(frame, identity, forms)) << bytes.size();
      EXPECT_EQ(DecodeHeartbeat({PlainIn(frame, forms), kHeartbeatSize}), heartbeat);
    }
    EXPECT_EQ(PlainIn(FrameOn(bytes, ChecksumStatus::kBad), forms), nullptr);
  }
}

TEST(PlainHeartbeat, GivesThePacketThatParsePacketGives) {
  const PortIdentity identity = Identity({});
  const auto forms = PlainHeartbeatsFor(identity);
  for (const auto& bytes : {HeartbeatFrame({.id = 7}), Ipv6Frame({.id = 7})}) {
    const Frame frame = FrameOn(bytes, ChecksumStatus::kUnknown);
    const PlainHeartbeat& form = forms[forms[0].In(frame) != nullptr ? 0 : 1];
    ASSERT_NE(form.In(frame), nullptr);
    const Packet packet = form.PacketOf(frame);
    const Packet parsed = ParsePacket(frame, identity).value();
    EXPECT_EQ(packet.kind, parsed.kind);
    EXPECT_EQ(packet.is_ipv6, parsed.is_ipv6);
    EXPECT_EQ(packet.l3_offset, parsed.l3_offset);
    EXPECT_EQ(packet.l4_offset, parsed.l4_offset);
    EXPECT_EQ(packet.l4_length, parsed.l4_length);
    EXPECT_EQ(packet.payload.data(), parsed.payload.data());
    EXPECT_EQ(packet.payload.size(), parsed.payload.size());
  }
}

TEST(PlainHeartbeat, LeavesWhatIsElsewhereOrMoreThanPlain) {
  const auto forms = PlainHeartbeatsFor(Identity({kOurs4}));
  const auto is_plain = [&](const std::vector<std::byte>& bytes) {
    return PlainIn(FrameOn(bytes, ChecksumStatus::kGood), forms) != nullptr;
  };
  EXPECT_TRUE(is_plain(HeartbeatFrame({.id = 7})));
  EXPECT_FALSE(is_plain(HeartbeatFrame({.id = 7}, testing_frames::GroupElement(1))));
  EXPECT_FALSE(is_plain(HeartbeatFrame({.id = 7, .kind = HeartbeatKind::kLeave})));
  EXPECT_FALSE(is_plain(HeartbeatFrame({.id = 7}, {}, {.to_ip = {10, 0, 0, 9}})));
  EXPECT_FALSE(is_plain(HeartbeatFrame({.id = 7}, {}, {.to_mac = {2, 0, 0, 0, 0, 9}})));
  EXPECT_FALSE(is_plain(HeartbeatFrame({.id = 7}, {}, {.to_port = 9})));
}

// Every beginning of a plain frame lies in a buffer of exactly its size, for AddressSanitizer.
TEST(PlainHeartbeat, ReadsNothingBeyondTheFrame) {
  const auto forms = PlainHeartbeatsFor(Identity({}));
  for (const auto& whole : {HeartbeatFrame({.id = 7}), Ipv6Frame({.id = 7})}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const std::vector<std::byte> bytes(whole.begin(),
                                         whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(PlainIn(FrameOn(bytes, ChecksumStatus::kGood), forms), nullptr) << size;
    }
  }
}

// A heartbeat with so many bytes behind it, and the flag that says they are a tag.
std::vector<std::byte> FrameWithTag(std::size_t bytes, bool flagged) {
  std::vector<std::byte> datagram(kHeartbeatSize + bytes);
  const auto heartbeat = std::span(datagram).first<kHeartbeatSize>();
  EncodeHeartbeat({.id = 7}, heartbeat);
  if (flagged) {
    MarkTagged(heartbeat);
  }
  return testing_frames::UdpFrame(datagram);
}

// Plain, as ParsePacket and DecodeHeartbeat have it, and nothing beyond the frame is read.
void ExpectPlainWithTag(const std::vector<std::byte>& bytes,
                        const std::vector<PlainHeartbeat>& forms,
                        TagSize tag) {
  const Frame frame = FrameOn(bytes, ChecksumStatus::kUnknown);
  const auto form = std::ranges::find_if(
      forms, [&](const PlainHeartbeat& each) { return each.In(frame) != nullptr; });
  ASSERT_NE(form, forms.end());
  EXPECT_EQ(form->tag(), tag);
  const Packet parsed = ParsePacket(frame, Identity({})).value();
  EXPECT_EQ(form->PacketOf(frame).payload.data(), parsed.payload.data());
  EXPECT_EQ(form->PacketOf(frame).payload.size(), parsed.payload.size());
  EXPECT_TRUE(DecodeHeartbeat(parsed.payload).has_value());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::vector<std::byte> cut(bytes.begin(),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(PlainIn(FrameOn(cut, ChecksumStatus::kGood), forms), nullptr) << length;
  }
}

TEST(PlainHeartbeat, TakesTagsOfTheirSizeAlone) {
  for (const TagSize size : {TagSize::k64Bits, TagSize::k128Bits}) {
    const auto forms = PlainHeartbeatsFor(Identity({}), size);
    ExpectPlainWithTag(FrameWithTag(0, false), forms, TagSize::kNone);
    ExpectPlainWithTag(FrameWithTag(static_cast<std::size_t>(size), true), forms, size);
    for (std::size_t bytes = 0; bytes <= 20; ++bytes) {
      const auto flagged = FrameWithTag(bytes, true);
      const auto unflagged = FrameWithTag(bytes, false);
      EXPECT_EQ(PlainIn(FrameOn(flagged, ChecksumStatus::kUnknown), forms) != nullptr,
                bytes == static_cast<std::size_t>(size));
      EXPECT_EQ(PlainIn(FrameOn(unflagged, ChecksumStatus::kUnknown), forms) != nullptr,
                bytes == 0);
    }
  }
}

TEST(PlainHeartbeat, AgreesWithTheTableOfFrames) {
  const auto forms = PlainHeartbeatsFor(TablePort());
  std::size_t plain = 0;
  for (const FrameRow& row : FrameTable()) {
    for (const ChecksumStatus status : {ChecksumStatus::kGood, ChecksumStatus::kUnknown}) {
      Frame frame = FrameOf(row.frame);
      frame.ip_checksum = status;
      frame.udp_checksum = status;
      plain += IsPlainAndBothAgree(frame, TablePort(), forms) ? 1 : 0;
    }
  }
  EXPECT_GT(plain, 0U) << "the table has a plain heartbeat";
}

// Changes a few bytes or bits, often to what they might be mistaken for.
void Change(std::vector<std::byte>& bytes, std::mt19937& random) {
  for (auto changes = random() % 3; changes > 0; --changes) {
    std::byte& at = bytes[random() % bytes.size()];
    at = random() % 2 == 0 ? static_cast<std::byte>(random() % 256)
                           : at ^ static_cast<std::byte>(1U << (random() % 8));
  }
  if (random() % 8 == 0) {
    bytes.resize(random() % (bytes.size() + 8));
  }
}

TEST(PlainHeartbeat, NeverAcceptsWhatTheThoroughWayRefuses) {
  RecordProperty("seed", kSeed);
  std::mt19937 random(kSeed);
  std::size_t plain = 0;
  for (const auto& identity : {Identity({}), Identity({kOurs4, kOurs6})}) {
    const auto forms = PlainHeartbeatsFor(identity);
    for (int i = 0; i < 100'000; ++i) {
      const Heartbeat heartbeat{.id = random() % 3, .sequence = static_cast<std::uint32_t>(i)};
      std::vector<std::byte> bytes = i % 2 == 0 ? HeartbeatFrame(heartbeat) : Ipv6Frame(heartbeat);
      Change(bytes, random);
      const Frame frame =
          FrameOn(bytes, random() % 2 == 0 ? ChecksumStatus::kGood : ChecksumStatus::kUnknown);
      plain += IsPlainAndBothAgree(frame, identity, forms) ? 1 : 0;
    }
  }
  EXPECT_GT(plain, 40'000U) << "seed " << kSeed;
  EXPECT_LT(plain, 160'000U) << "seed " << kSeed;
}

}  // namespace
}  // namespace flatline
