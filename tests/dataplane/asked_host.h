// A host that is asked: answers ARP, neighbour discovery, echo and native probes as an agent and
// its kernel do. Used by the tests of the prober and by the simulation.
#pragma once

#include "dataplane/packet.h"
#include "dataplane/responder.h"

#include <flatline/agent.h>
#include <flatline/endpoint.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace flatline {

class AskedHost {
 public:
  AskedHost(const FlatlineAgent& agent, PortIdentity identity)
      : agent_(agent), identity_(std::move(identity)) {}

  [[nodiscard]] FlatlineAgent& agent() { return agent_; }

  [[nodiscard]] EndpointId id() const { return agent_.id; }

  // The answer to a frame, or nothing.
  [[nodiscard]] std::optional<std::vector<std::byte>> Answer(
      const std::vector<std::byte>& bytes) const {
    const Frame frame{.data = bytes.data(), .length = static_cast<std::uint32_t>(bytes.size())};
    const auto packet = ParsePacket(frame, identity_);
    if (!packet) {
      return std::nullopt;
    }
    std::array<std::byte, kReplyRoom> room{};
    const std::uint32_t length = packet->kind == PacketClass::kDatagram
                                     ? AnswerDatagram(frame, *packet, room)
                                     : BuildControlReply(frame, *packet, identity_, room);
    if (length == 0) {
      return std::nullopt;
    }
    return std::vector<std::byte>(room.begin(), room.begin() + length);
  }

 private:
  [[nodiscard]] std::uint32_t AnswerDatagram(const Frame& frame,
                                             const Packet& packet,
                                             std::span<std::byte, kReplyRoom> room) const {
    std::vector<std::uint8_t> said(packet.payload.size());
    std::vector<std::uint8_t> answer(said.size());
    for (std::size_t i = 0; i < said.size(); ++i) {
      said[i] = std::to_integer<std::uint8_t>(packet.payload[i]);
    }
    const std::size_t size = FlatlineAnswerProbe(&agent_, said.data(), said.size(), answer.data());
    return size == 0
               ? 0
               : BuildDatagramReply(
                     frame, packet, identity_, std::as_bytes(std::span{answer}).first(size), room);
  }

  FlatlineAgent agent_;
  PortIdentity identity_;
};

}  // namespace flatline
