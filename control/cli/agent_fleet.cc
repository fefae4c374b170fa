#include "control/cli/agent_fleet.h"

#include <algorithm>
#include <iterator>

namespace flatline::cli {

void RoundTrips::Add(std::uint64_t ns) {
  least_ns = count == 0 ? ns : std::min(least_ns, ns);
  most_ns = std::max(most_ns, ns);
  sum_ns += ns;
  ++count;
}

AgentFleet::AgentFleet(const FlatlineAgent& first, std::size_t count) : agents_(count, first) {
  for (std::size_t agent = 0; agent < count; ++agent) {
    agents_[agent].id = first.id + agent;
  }
}

bool AgentFleet::GiveKey(EndpointId id,
                         const std::array<std::uint8_t, 16>& key,
                         std::uint8_t tag_size) {
  const std::uint64_t agent = id - agents_.front().id;
  if (agent >= agents_.size()) {
    return false;
  }
  std::ranges::copy(key, std::begin(agents_[agent].key));
  agents_[agent].tag_size = tag_size;
  return true;
}

std::span<const std::uint8_t> AgentFleet::Encode(std::size_t agent,
                                                 Message message,
                                                 std::uint64_t wall_ns) {
  const auto encode = message == Message::kLeave ? &FlatlineEncodeLeave : &FlatlineEncodeHeartbeat;
  return std::span{datagram_}.first(encode(&agents_[agent], wall_ns, datagram_.data()));
}

std::span<const std::uint8_t> AgentFleet::Receive(std::span<const std::uint8_t> datagram,
                                                  std::uint64_t wall_ns) {
  // The id is where it is in every kind of message.
  const std::uint64_t asked =
      (datagram.size() < kFlatlineHeartbeatSize ? 0 : FlatlineLoad(&datagram[8], 8)) -
      agents_.front().id;
  if (asked < agents_.size() && datagram.size() <= datagram_.size()) {
    if (const std::size_t size = FlatlineAnswerProbe(
            &agents_[asked], datagram.data(), datagram.size(), datagram_.data());
        size != 0) {
      ++totals_.answered;
      return std::span{datagram_}.first(size);
    }
  }
  FlatlineAcknowledgement told{};
  const bool decoded = FlatlineDecodeAcknowledgement(datagram.data(), datagram.size(), &told);
  const std::uint64_t agent = told.id - agents_.front().id;
  if (!decoded || agent >= agents_.size() ||
      !FlatlineIsGenuine(&agents_[agent], datagram.data(), datagram.size()) ||
      !FlatlineAccept(&agents_[agent], &told)) {
    ++totals_.strange;
    return {};
  }
  ++totals_.acknowledged;
  if (told.sent_ns != 0 && told.sent_ns <= wall_ns) {  // else the wall clock was set back
    totals_.round_trips.Add(wall_ns - told.sent_ns);
  }
  return {};
}

}  // namespace flatline::cli
