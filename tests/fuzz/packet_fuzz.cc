// Any bytes as a frame: they are dropped for a reason, or what is found lies within them, and each
// answer is itself a frame that holds.
#include "dataplane/packet.h"
#include "dataplane/plain_heartbeat.h"
#include "dataplane/responder.h"

#include <flatline/check.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace flatline {
namespace {

// The first byte says what the device thinks of the checksums, and how the port is set up.
struct Circumstances {
  ChecksumStatus ip_checksum;
  ChecksumStatus udp_checksum;
  PortIdentity identity;
};

Circumstances CircumstancesOf(std::uint8_t bits) {
  Circumstances out{.ip_checksum = static_cast<ChecksumStatus>(bits % 3),
                    .udp_checksum = static_cast<ChecksumStatus>(bits / 3 % 3),
                    .identity = {.mac = {2, 0, 0, 0, 0, 1},
                                 .udp_port = 17996,
                                 .promiscuous = bits / 9 % 2 != 0,
                                 .addresses = {}}};
  if (bits / 18 % 2 == 0) {
    out.identity.addresses = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1},
                              {0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  }
  return out;
}

// Reads an answer as its receiver would, believing no device.
void CheckAnswer(std::span<const std::byte> answer, PacketClass asked, std::uint16_t udp_port) {
  const Frame frame{.data = answer.data(), .length = static_cast<std::uint32_t>(answer.size())};
  const PortIdentity receiver{
      .mac = {}, .udp_port = udp_port, .promiscuous = true, .addresses = {}};
  const auto parsed = ParsePacket(frame, receiver);
  if (asked == PacketClass::kDatagram) {
    FLATLINE_CHECK(parsed.has_value() && parsed->kind == PacketClass::kDatagram);
    FLATLINE_CHECK(parsed->payload.size() == 40);
  } else {
    // Answers ask nothing; a wrong checksum would say kBadControl.
    FLATLINE_CHECK(parsed.has_value() ? !AsksForAnswer(parsed->kind)
                                      : parsed.error() == DropReason::kNotUdp);
  }
}

void CheckPacket(const Frame& frame, const Packet& packet, const PortIdentity& identity) {
  FLATLINE_CHECK(packet.l3_offset >= 14 && packet.l3_offset <= packet.l4_offset);
  FLATLINE_CHECK(packet.l4_offset + std::uint32_t{packet.l4_length} <= frame.length);
  if (!packet.payload.empty()) {
    FLATLINE_CHECK(packet.payload.data() >= frame.data + packet.l4_offset);
    FLATLINE_CHECK(packet.payload.data() + packet.payload.size() ==
                   frame.data + packet.l4_offset + packet.l4_length);
  }
  if (packet.is_about_next_hop()) {
    FLATLINE_CHECK((NeighbourWordOf(frame, packet).mac[0] & 1U) == 0);
  }
  std::array<std::byte, kReplyRoom> room;
  room.fill(std::byte{0xA5});
  const std::array<std::byte, 40> payload{};
  const bool is_datagram = packet.kind == PacketClass::kDatagram;
  const std::uint32_t length = is_datagram
                                   ? BuildDatagramReply(frame, packet, identity, payload, room)
                                   : BuildControlReply(frame, packet, identity, room);
  FLATLINE_CHECK(length <= kReplyRoom);
  if (length != 0) {
    FLATLINE_CHECK(length >= 60);
    CheckAnswer(std::span{room}.first(length),
                packet.kind,
                is_datagram ? SourceOf(frame, packet).udp_port : std::uint16_t{0});
  }
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  if (size == 0) {
    return 0;
  }
  const Circumstances circumstances = CircumstancesOf(data[0]);
  const Frame frame{.data = reinterpret_cast<const std::byte*>(data + 1),
                    .length = static_cast<std::uint32_t>(size - 1),
                    .ip_checksum = circumstances.ip_checksum,
                    .udp_checksum = circumstances.udp_checksum};
  const auto packet = ParsePacket(frame, circumstances.identity);
  if (packet) {
    CheckPacket(frame, *packet, circumstances.identity);
  }
  for (const TagSize tag : {TagSize::k64Bits, TagSize::k128Bits}) {
    for (const PlainHeartbeat& form : PlainHeartbeatsFor(circumstances.identity, tag)) {
      if (const std::byte* plain = form.In(frame)) {
        FLATLINE_CHECK(packet && packet->payload.data() == plain);
        FLATLINE_CHECK(packet->payload.size() ==
                       kHeartbeatSize + static_cast<std::size_t>(form.tag()));
      }
    }
  }
  return 0;
}
