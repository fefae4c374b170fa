// A pull beside heartbeats: needed when they stay away, out of the way while they come.
#include "tests/dataplane/asking_engine.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

TEST_F(ProberTest, WhoBeatsAndIsPulledIsAskedWhenItsHeartbeatsStayAway) {
  Start(ProbeKind::kNative, 1, true);
  const std::vector hosts{HostAt(Ip4(0, 2))};
  const auto beat = [&](Duration silence) {
    ports_[0].source.Put(HeartbeatFrame({.id = kId, .incarnation = 1, .sequence = ++sequence_}));
    AnsweringUntil(now_ + silence, hosts);
  };
  for (int i = 0; i < 50; ++i) {
    beat(Milliseconds(i % 2 == 0 ? 75 : 90));
  }
  EXPECT_EQ(Count(Counter::kProbesSent), 0U) << "nothing is overdue";
  sequence_ += 20;  // lost on one way; what is asked on the other is answered
  AnsweringUntil(now_ + Milliseconds(2000), hosts);
  EXPECT_EQ(Reasons(), std::vector{Reason::kFirstHeartbeat});
  EXPECT_GE(Count(Counter::kProbeReplies), 15U);
  const std::uint64_t accepted = Count(Counter::kHeartbeats);
  beat(Milliseconds(50));
  EXPECT_EQ(Count(Counter::kHeartbeats), accepted + 1) << "answers made no heartbeat old";
  TurnsUntil(now_ + Milliseconds(700));
  EXPECT_EQ(Reasons(), (std::vector{Reason::kDeadlineMissed, Reason::kProbeUnanswered}));
}

}  // namespace
}  // namespace flatline
