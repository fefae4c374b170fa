// Probes as evidence: what it is worth that they went unanswered, where a profile weighs that.
#include "tests/dataplane/asking_engine.h"

#include <flatline/confirmation.h>

#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

// 40 ms of 100: the probes are spread over these, and are one witness of three.
TEST_F(ProberTest, WhereEvidenceIsWeighedUnansweredProbesAreSome) {
  least_confirmation_ = Milliseconds(40);
  for (const bool answers : {true, false}) {
    sequence_ = 0;
    Start(ProbeKind::kEcho);
    Beat();
    AnsweringUntil(now_ + Milliseconds(320),
                   answers ? std::vector{HostAt(Ip4(0, 2))} : std::vector<AskedHost>{});
    if (!answers) {
      TurnsUntil(now_ + Milliseconds(200));
    }
    Beat();
    (void)Told();
    const Instant spoke = now_ - Milliseconds(1);
    sent_in_.clear();
    TurnsUntil(spoke + Milliseconds(415));
    ASSERT_EQ(sent_in_.size(), 3U);
    EXPECT_LE(sent_in_.rbegin()->first, spoke + Milliseconds(300 + 25)) << "within the least";
    const auto told = Told();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[1].liveness, Liveness::kDead);
    EXPECT_EQ(told[1].reason, answers ? Reason::kCorroborated : Reason::kNotConfirmed);
    EXPECT_EQ(told[1].evidence, answers ? kProbesUnanswered : 0)
        << "of one who never answered, silence says nothing";
    const Duration whole = answers ? Milliseconds(70) : Milliseconds(100);
    EXPECT_GE(told[1].at, spoke + Milliseconds(300) + whole - Milliseconds(1));
    EXPECT_LE(told[1].at, spoke + Milliseconds(300) + whole + Milliseconds(4));
  }
}

}  // namespace
}  // namespace flatline
