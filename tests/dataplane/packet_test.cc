// What ParsePacket makes of the frames in the table, of every beginning of each, and of what the
// device says about checksums.
#include "dataplane/packet.h"

#include "tests/dataplane/frame_table.h"

#include <flatline/heartbeat.h>

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr ChecksumStatus kGood = ChecksumStatus::kGood;
constexpr ChecksumStatus kBad = ChecksumStatus::kBad;

std::string VerdictOf(std::string_view sentence, const PortIdentity& identity) {
  return VerdictOf(FrameOf(RowOf(sentence).frame), identity);
}

class PacketTable : public testing::TestWithParam<FrameRow> {};

INSTANTIATE_TEST_SUITE_P(Frames, PacketTable, testing::ValuesIn(FrameTable()));

TEST_P(PacketTable, IsWhatItSays) {
  EXPECT_EQ(VerdictOf(FrameOf(GetParam().frame), TablePort()), GetParam().verdict)
      << GetParam().sentence;
}

// Whether the beginning of a frame is dropped, or is the same packet with less padding. It lies in
// a buffer of exactly its size, so that AddressSanitizer sees one byte too far.
bool IsDroppedOrTheSame(const FrameRow& row, std::size_t size) {
  const std::vector<std::byte> beginning(row.frame.begin(),
                                         row.frame.begin() + static_cast<std::ptrdiff_t>(size));
  const Frame frame{.data = beginning.data(), .length = static_cast<std::uint32_t>(size)};
  const auto packet = ParsePacket(frame, TablePort());
  return !packet || (VerdictOf(frame, TablePort()) == row.verdict &&
                     std::size_t{packet->l4_offset} + packet->l4_length <= size);
}

TEST_P(PacketTable, CutOffAnywhereIsNothingElse) {
  for (std::size_t size = 0; size < GetParam().frame.size(); ++size) {
    EXPECT_TRUE(IsDroppedOrTheSame(GetParam(), size)) << GetParam().sentence << " at " << size;
  }
}

TEST(Packet, TheTableKnowsEveryReasonOfThePacketPath) {
  std::set<std::string> seen;
  for (const FrameRow& row : FrameTable()) {
    seen.insert(row.verdict);
  }
  for (auto reason = DropReason::kRunt; reason <= DropReason::kBadControl;
       reason = static_cast<DropReason>(static_cast<int>(reason) + 1)) {
    if (reason != DropReason::kOversized) {  // says the buffer, not the bytes: below
      EXPECT_TRUE(seen.contains(std::string{NameOf(reason)})) << NameOf(reason);
    }
  }
}

TEST(Packet, FindsThePayloadAndItsSource) {
  const FrameRow& row = RowOf("IPv6 with hop-by-hop, destination, routing, destination");
  const Frame frame = FrameOf(row.frame);
  const Packet packet = ParsePacket(frame, TablePort()).value();
  EXPECT_EQ(packet.payload.size(), 40U);
  EXPECT_EQ(packet.l4_length, 48U);
  EXPECT_EQ(packet.payload.data() + 40, frame.data + frame.length);
  EXPECT_EQ(DecodeHeartbeat(packet.payload).value().id, 7U);
  const DatagramSource source = SourceOf(frame, packet);
  EXPECT_EQ(source.udp_port, 40000);
  EXPECT_EQ(source.ip, (IpAddress{0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}));
}

TEST(Packet, MapsAnIpv4Source) {
  const FrameRow& row = RowOf("two VLAN tags, the outer one 88a8");
  const Frame frame = FrameOf(row.frame);
  const Packet packet = ParsePacket(frame, TablePort()).value();
  EXPECT_EQ(packet.l3_offset, 22U);
  EXPECT_EQ(SourceOf(frame, packet).ip,
            (IpAddress{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 2}));
}

TEST(Packet, LeavesOutWhatLiesBehindTheDatagram) {
  const Frame frame = FrameOf(RowOf("padding behind the IPv4 packet").frame);
  EXPECT_EQ(ParsePacket(frame, TablePort()).value().payload.size(), 40U);
  const Frame longer = FrameOf(RowOf("more IP than UDP").frame);
  EXPECT_EQ(ParsePacket(longer, TablePort()).value().payload.size(), 3U);
}

struct DeviceCase {
  std::string sentence;
  std::string row;
  ChecksumStatus ip;
  ChecksumStatus udp;
  std::string verdict;
};

TEST(Packet, BelievesTheDeviceAboutChecksums) {
  const ChecksumStatus unknown = ChecksumStatus::kUnknown;
  const std::vector<DeviceCase> cases{
      {"good and good", "a plain heartbeat over IPv4", kGood, kGood, "datagram"},
      {"bad IP", "a plain heartbeat over IPv4", kBad, kGood, "bad-ip-checksum"},
      {"bad UDP", "a plain heartbeat over IPv4", kGood, kBad, "bad-udp-checksum"},
      {"bad UDP over IPv6", "a plain heartbeat over IPv6", unknown, kBad, "bad-udp-checksum"},
      {"good IP is not verified again", "a wrong IPv4 checksum", kGood, unknown, "datagram"},
      {"good UDP is not verified again",
       "one bit of the payload flipped",
       kGood,
       kGood,
       "datagram"},
      {"zero over IPv4, called bad", "no UDP checksum over IPv4", kGood, kBad, "datagram"},
      {"zero over IPv6, called good",
       "no UDP checksum over IPv6",
       kGood,
       kGood,
       "bad-udp-checksum"},
      {"ICMP is verified here",
       "ping with a wrong checksum over IPv4",
       kGood,
       kGood,
       "bad-control"},
  };
  for (const DeviceCase& each : cases) {
    Frame frame = FrameOf(RowOf(each.row).frame);
    frame.ip_checksum = each.ip;
    frame.udp_checksum = each.udp;
    EXPECT_EQ(VerdictOf(frame, TablePort()), each.verdict) << each.sentence;
  }
}

TEST(Packet, RefusesWhatIsNotInOneBuffer) {
  Frame frame = FrameOf(RowOf("a plain heartbeat over IPv4").frame);
  frame.chained = true;
  EXPECT_EQ(VerdictOf(frame, TablePort()), "oversized");
  const std::vector<std::byte> huge(65'536);
  EXPECT_EQ(VerdictOf(FrameOf(huge), TablePort()), "oversized");
}

TEST(Packet, TakesAnyStationWherePromiscuous) {
  PortIdentity identity = TablePort();
  identity.promiscuous = true;
  EXPECT_EQ(VerdictOf("another station's MAC", identity), "datagram");
  EXPECT_EQ(VerdictOf("IPv4 to the broadcast MAC", identity), "datagram");
  EXPECT_EQ(VerdictOf("another host's IPv4 address", identity), "not-for-us") << "IP still counts";
}

TEST(Packet, TakesAnyIpWhereNoAddressIsConfigured) {
  PortIdentity identity = TablePort();
  identity.addresses.clear();
  EXPECT_EQ(VerdictOf("another host's IPv4 address", identity), "datagram");
  EXPECT_EQ(VerdictOf("another host's IPv6 address", identity), "datagram");
  EXPECT_EQ(VerdictOf("who has our address, asked of everybody", identity), "not-for-us");
  EXPECT_EQ(VerdictOf("who is our neighbour, asked of us", identity), "not-for-us");
}

}  // namespace
}  // namespace flatline
