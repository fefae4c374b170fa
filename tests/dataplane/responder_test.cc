// The answers, byte for byte against those that scapy built for the frames in the table.
#include "dataplane/responder.h"

#include "tests/dataplane/frame_table.h"

#include <flatline/heartbeat.h>

#include <algorithm>
#include <array>
#include <span>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::byte kDirt{0xA5};

std::vector<FrameRow> AcceptedRows() {
  std::vector<FrameRow> out;
  std::ranges::copy_if(FrameTable(), std::back_inserter(out), [](const FrameRow& row) {
    return ParsePacket(FrameOf(row.frame), TablePort()).has_value();
  });
  return out;
}

std::array<std::byte, kHeartbeatSize> Acknowledgement() {
  std::array<std::byte, kHeartbeatSize> out{};
  EncodeHeartbeat({.id = 7,
                   .incarnation = 1,
                   .sequence = 2,
                   .handle = 42,
                   .kind = HeartbeatKind::kAcknowledgement},
                  out);
  return out;
}

class Reply {
 public:
  Reply() { room_.fill(kDirt); }

  std::vector<std::byte> To(const std::vector<std::byte>& bytes,
                            std::span<const std::byte> payload = {}) {
    const Frame frame = FrameOf(bytes);
    const PortIdentity identity = TablePort();
    const Packet packet = ParsePacket(frame, identity).value();
    const std::uint32_t length = packet.kind == PacketClass::kDatagram
                                     ? BuildDatagramReply(frame, packet, identity, payload, room_)
                                     : BuildControlReply(frame, packet, identity, room_);
    return {room_.begin(), room_.begin() + length};
  }

 private:
  std::array<std::byte, kReplyRoom> room_{};
};

class ResponderTable : public testing::TestWithParam<FrameRow> {};

INSTANTIATE_TEST_SUITE_P(Frames, ResponderTable, testing::ValuesIn(AcceptedRows()));

TEST_P(ResponderTable, AnswersAsItShould) {
  EXPECT_EQ(Reply{}.To(GetParam().frame, Acknowledgement()), GetParam().answer)
      << GetParam().sentence;
}

TEST(Responder, TheTableHasAnswersOfEachKind) {
  std::array<int, 5> answers{};
  for (const FrameRow& row : AcceptedRows()) {
    const Packet packet = ParsePacket(FrameOf(row.frame), TablePort()).value();
    if (!AsksForAnswer(packet.kind)) {
      EXPECT_TRUE(row.answer.empty()) << row.sentence;
      continue;
    }
    answers[static_cast<std::size_t>(packet.kind)] += row.answer.empty() ? 0 : 1;
  }
  EXPECT_GT(*std::ranges::min_element(answers), 3);
}

TEST(Responder, AnswersADatagramOnlyWhenAsked) {
  const std::vector<std::byte>& bytes = RowOf("a plain heartbeat over IPv4").frame;
  const Frame frame = FrameOf(bytes);
  const Packet packet = ParsePacket(frame, TablePort()).value();
  std::array<std::byte, kReplyRoom> room{};
  EXPECT_EQ(BuildControlReply(frame, packet, TablePort(), room), 0U);
}

TEST(Responder, FillsTheRoomAndNoMore) {
  const std::vector<std::byte> payload(kReplyRoom - 14 - 20 - 8);
  const std::vector<std::byte> longer(payload.size() + 1);
  const auto& frame = RowOf("a plain heartbeat over IPv4").frame;
  EXPECT_EQ(Reply{}.To(frame, payload).size(), kReplyRoom);
  EXPECT_TRUE(Reply{}.To(frame, longer).empty());
}

TEST(Responder, PadsAShortDatagramWithZeros) {
  const auto reply = Reply{}.To(RowOf("a plain heartbeat over IPv4").frame, {});
  ASSERT_EQ(reply.size(), 60U);
  EXPECT_EQ(std::ranges::count(reply.begin() + 42, reply.end(), std::byte{0}), 18);
}

// A checksum that comes out as zero must be sent as 0xFFFF: try payloads until one does.
TEST(Responder, NeverSendsAUdpChecksumOfZero) {
  int seen = 0;
  for (unsigned value = 0; value < 0x10000U; ++value) {
    const std::array<std::byte, 2> payload{static_cast<std::byte>(value >> 8U),
                                           static_cast<std::byte>(value)};
    const auto reply = Reply{}.To(RowOf("a plain heartbeat over IPv6").frame, payload);
    ASSERT_FALSE(reply[60] == std::byte{0} && reply[61] == std::byte{0}) << value;
    seen += reply[60] == std::byte{0xFF} && reply[61] == std::byte{0xFF} ? 1 : 0;
  }
  EXPECT_EQ(seen, 1) << "a value in 65,536 sums up to it";
}

}  // namespace
}  // namespace flatline
