// What the agents of `flatline agent` send, and what they learn from acknowledgements.
#include "control/cli/agent_fleet.h"

#include <flatline/heartbeat.h>

#include <array>
#include <cstddef>

#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

FlatlineAgent First() {
  FlatlineAgent first{};
  first.id = 100;
  first.incarnation = 9;
  first.wants_acknowledgement = true;
  return first;
}

Heartbeat Sent(AgentFleet& fleet, std::size_t agent, Message message = Message::kHeartbeat) {
  return DecodeHeartbeat(std::as_bytes(fleet.Encode(agent, message, 1000))).value();
}

void Acknowledge(AgentFleet& fleet, Heartbeat heartbeat, Slot handle, std::uint64_t wall_ns) {
  std::array<std::byte, kHeartbeatSize> datagram{};
  heartbeat.kind = HeartbeatKind::kAcknowledgement;
  heartbeat.handle = handle;
  EncodeHeartbeat(heartbeat, datagram);
  EXPECT_TRUE(
      fleet
          .Receive({reinterpret_cast<const std::uint8_t*>(datagram.data()), datagram.size()},
                   wall_ns)
          .empty());
}

TEST(AgentFleet, CountsIdsUpAndEachAgentsSequence) {
  AgentFleet fleet{First(), 3};
  EXPECT_EQ(Sent(fleet, 0).id, 100U);
  EXPECT_EQ(Sent(fleet, 2).id, 102U);
  EXPECT_EQ(Sent(fleet, 2).sequence, 2U);
  EXPECT_EQ(Sent(fleet, 1).sequence, 1U);
}

TEST(AgentFleet, CarriesTheHandleOnceItIsTold) {
  AgentFleet fleet{First(), 2};
  const Heartbeat first = Sent(fleet, 1);
  EXPECT_EQ(first.handle, kNoSlot);
  Acknowledge(fleet, first, 77, 1300);
  EXPECT_EQ(Sent(fleet, 1).handle, 77U);
  EXPECT_EQ(Sent(fleet, 0).handle, kNoSlot) << "another agent's";
}

TEST(AgentFleet, SumsTheRoundTrips) {
  AgentFleet fleet{First(), 1};
  Acknowledge(fleet, Sent(fleet, 0), 1, 1300);
  Acknowledge(fleet, Sent(fleet, 0), 1, 1100);
  const AgentTotals& totals = fleet.totals();
  EXPECT_EQ(totals.acknowledged, 2U);
  EXPECT_EQ(totals.round_trips.least_ns, 100U);
  EXPECT_EQ(totals.round_trips.mean_ns(), 200U);
  EXPECT_EQ(totals.round_trips.most_ns, 300U);
}

TEST(AgentFleet, TakesNoRoundTripFromAClockThatWasSetBack) {
  AgentFleet fleet{First(), 1};
  Acknowledge(fleet, Sent(fleet, 0), 1, 900);
  EXPECT_EQ(fleet.totals().acknowledged, 1U);
  EXPECT_EQ(fleet.totals().round_trips.count, 0U);
}

TEST(AgentFleet, CountsWhatIsNotForItAsStrange) {
  AgentFleet fleet{First(), 2};
  Heartbeat other = Sent(fleet, 0);
  other.id = 99;
  Acknowledge(fleet, other, 1, 1300);
  other.id = 102;
  Acknowledge(fleet, other, 1, 1300);
  other.id = 100;
  other.incarnation = 8;
  Acknowledge(fleet, other, 1, 1300);
  const std::array<std::uint8_t, 3> nonsense{};
  EXPECT_TRUE(fleet.Receive(nonsense, 1300).empty());
  EXPECT_EQ(fleet.totals().strange, 4U);
  EXPECT_EQ(fleet.totals().acknowledged, 0U);
  EXPECT_EQ(Sent(fleet, 0).handle, kNoSlot);
}

TEST(AgentFleet, AnswersProbesOfItsOwn) {
  AgentFleet fleet{First(), 2};
  std::array<std::byte, kHeartbeatSize> probe{};
  EncodeHeartbeat({.id = 101, .sent_ns = 5, .sequence = 6, .kind = HeartbeatKind::kProbe}, probe);
  const std::span bytes{reinterpret_cast<const std::uint8_t*>(probe.data()), probe.size()};
  const auto answer = DecodeHeartbeat(std::as_bytes(fleet.Receive(bytes, 1300))).value();
  EXPECT_EQ(answer.kind, HeartbeatKind::kProbeReply);
  EXPECT_EQ(answer.id, 101U);
  EXPECT_EQ(answer.incarnation, First().incarnation);
  EXPECT_EQ(answer.sent_ns, 5U);
  EXPECT_EQ(answer.sequence, 6U);
  EXPECT_EQ(fleet.totals().answered, 1U);
  wire::Store<std::uint64_t>(probe.data() + 8, 102);  // somebody else's
  EXPECT_TRUE(fleet.Receive(bytes, 1300).empty());
  EXPECT_EQ(fleet.totals().answered, 1U);
  EXPECT_EQ(fleet.totals().strange, 1U);
}

TEST(AgentFleet, TakesLeave) {
  AgentFleet fleet{First(), 1};
  const Heartbeat leave = Sent(fleet, 0, Message::kLeave);
  EXPECT_EQ(leave.kind, HeartbeatKind::kLeave);
  EXPECT_EQ(leave.sequence, 1U);
}

}  // namespace
}  // namespace flatline::cli
