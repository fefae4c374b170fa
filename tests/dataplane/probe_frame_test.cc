// The frames by which flatline asks, byte for byte against those that scapy built (make_frames.py).
#include "dataplane/probe_frame.h"

#include "dataplane/packet.h"
#include "tests/dataplane/frame_table.h"

#include <flatline/heartbeat.h>

#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr IpAddress kThem4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 2};
constexpr IpAddress kThem6{0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
constexpr std::uint16_t kTheirPort = 40000;
constexpr std::uint16_t kSequence = 515;

using Bytes = std::vector<std::byte>;

std::map<std::string, Bytes> Expected() {
  std::map<std::string, Bytes> out;
  std::ifstream in{FLATLINE_PROBES};
  for (std::string line; std::getline(in, line);) {
    const auto bar = line.find(" | ");
    Bytes& bytes = out[line.substr(0, bar)];
    for (std::size_t at = bar + 3; at < line.size(); at += 2) {
      unsigned value = 0;
      std::from_chars(&line[at], &line[at] + 2, value, 16);
      bytes.push_back(static_cast<std::byte>(value));
    }
  }
  return out;
}

NextHop Hop(const IpAddress& ours, bool tagged = false) {
  NextHop out{.mac = {2, 0, 0, 0, 0, 2}, .ours = ours};
  if (tagged) {
    constexpr std::array<std::uint8_t, 8> kTags{0x81, 0, 0, 9, 0x81, 0, 0, 7};
    std::memcpy(out.tags.data(), kTags.data(), kTags.size());
    out.tag_bytes = 8;
  }
  return out;
}

std::array<std::byte, kHeartbeatSize> Message() {
  std::array<std::byte, kHeartbeatSize> out{};
  EncodeHeartbeat({.id = 7,
                   .sent_ns = 0x0102030405060708,
                   .incarnation = 1,
                   .sequence = 2,
                   .handle = 42,
                   .kind = HeartbeatKind::kProbe},
                  out);
  return out;
}

class Room {
 public:
  Room() { bytes_.fill(std::byte{0xA5}); }

  [[nodiscard]] std::span<std::byte, kReplyRoom> span() { return bytes_; }

  [[nodiscard]] Bytes Take(std::uint32_t length) const {
    return {bytes_.begin(), bytes_.begin() + length};
  }

 private:
  std::array<std::byte, kReplyRoom> bytes_{};
};

Bytes Probe(const IpAddress& to, const NextHop& hop) {
  Room room;
  return room.Take(BuildProbe(TablePort(), hop, {to, kTheirPort}, Message(), room.span()));
}

Bytes Echo(const IpAddress& to, const NextHop& hop) {
  Room room;
  return room.Take(BuildEchoRequest(TablePort(), hop, {to, kSequence}, Message(), room.span()));
}

Bytes WhoHas(const IpAddress& ours, const IpAddress& wanted) {
  Room room;
  return room.Take(BuildNextHopRequest(TablePort(), ours, wanted, room.span()));
}

TEST(ProbeFrame, IsWhatScapyBuilds) {
  const auto expected = Expected();
  ASSERT_EQ(expected.size(), 8U);
  const IpAddress us4 = TablePort().addresses[0];
  const IpAddress us6 = TablePort().addresses[1];
  EXPECT_EQ(Probe(kThem4, Hop(us4)), expected.at("probe over IPv4"));
  EXPECT_EQ(Probe(kThem6, Hop(us6)), expected.at("probe over IPv6"));
  EXPECT_EQ(Probe(kThem4, Hop(us4, true)), expected.at("probe over IPv4 in two VLANs"));
  EXPECT_EQ(Probe(kThem6, Hop(us6, true)), expected.at("probe over IPv6 in two VLANs"));
  EXPECT_EQ(Echo(kThem4, Hop(us4)), expected.at("echo over IPv4"));
  EXPECT_EQ(Echo(kThem6, Hop(us6)), expected.at("echo over IPv6"));
  EXPECT_EQ(WhoHas(us4, kThem4), expected.at("who has, over IPv4"));
  EXPECT_EQ(WhoHas(us6, kThem6), expected.at("who has, over IPv6"));
}

// What one flatline asks another finds well-formed.
TEST(ProbeFrame, IsUnderstoodByOurOwnParser) {
  PortIdentity them{.mac = {2, 0, 0, 0, 0, 2},
                    .udp_port = kTheirPort,
                    .promiscuous = false,
                    .addresses = {kThem4, kThem6},
                    .gateways = {}};
  const IpAddress us4 = TablePort().addresses[0];
  const IpAddress us6 = TablePort().addresses[1];
  EXPECT_EQ(VerdictOf(FrameOf(Probe(kThem6, Hop(us6))), them), "datagram");
  EXPECT_EQ(VerdictOf(FrameOf(Echo(kThem4, Hop(us4))), them), "echo4");
  EXPECT_EQ(VerdictOf(FrameOf(Echo(kThem6, Hop(us6))), them), "echo6");
  EXPECT_EQ(VerdictOf(FrameOf(WhoHas(us4, kThem4)), them), "arp-request");
  EXPECT_EQ(VerdictOf(FrameOf(WhoHas(us6, kThem6)), them), "neighbour-solicitation");
}

TEST(ProbeFrame, AnAnswerAboutTheNextHopSaysWho) {
  const auto word_of = [](std::string_view sentence) {
    const auto& bytes = RowOf(sentence).frame;
    const Frame frame = FrameOf(bytes);
    return NeighbourWordOf(frame, ParsePacket(frame, TablePort()).value());
  };
  constexpr MacAddress kTheirMac{2, 0, 0, 0, 0, 2};
  EXPECT_EQ(word_of("an ARP answer").ip, kThem4);
  EXPECT_EQ(word_of("an ARP answer").mac, kTheirMac);
  for (const auto* sentence :
       {"a neighbour advertisement", "an advertisement in a VLAN, with options"}) {
    EXPECT_EQ(word_of(sentence).ip, kThem6) << sentence;
    EXPECT_EQ(word_of(sentence).mac, kTheirMac) << sentence;
  }
}

}  // namespace
}  // namespace flatline
