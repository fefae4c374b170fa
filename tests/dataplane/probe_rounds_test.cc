// Rounds of probes come out in the order in which they are due, and there is a bound to them.
#include "dataplane/probe_rounds.h"

#include <gtest/gtest.h>

namespace flatline {
namespace {

TEST(ProbeRounds, HaveABound) {
  ProbeRounds rounds;
  for (std::size_t i = 0; i < kMostRounds; ++i) {
    ASSERT_TRUE(rounds.Begin({.due = HearingInstant{Duration{kMostRounds - i}}}));
  }
  EXPECT_FALSE(rounds.Begin({}));
  EXPECT_EQ(rounds.Due(HearingInstant{Duration{0}}), nullptr);
  HearingInstant last{};
  for (std::size_t i = 0; i < kMostRounds; ++i) {
    const ProbeRound* round = rounds.Due(HearingInstant::max());
    ASSERT_NE(round, nullptr);
    ASSERT_GE(round->due, last);
    last = round->due;
    rounds.End();
  }
  EXPECT_EQ(rounds.size(), 0U);
}

TEST(ProbeRounds, AreDoneWithOneByOne) {
  ProbeRounds rounds;
  ASSERT_TRUE(rounds.Begin({.due = HearingInstant{Duration{2}}, .id = 2}));
  ASSERT_TRUE(rounds.Begin({.due = HearingInstant{Duration{1}}, .id = 1}));
  EXPECT_EQ(rounds.Due(HearingInstant{Duration{0}}), nullptr);
  ProbeRound* first = rounds.Due(HearingInstant{Duration{1}});
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->id, 1U);
  first->sent = 1;
  rounds.PutOff(HearingInstant{Duration{3}});
  EXPECT_EQ(rounds.Due(HearingInstant{Duration{9}})->id, 2U);
  rounds.End();
  EXPECT_EQ(rounds.Due(HearingInstant{Duration{9}})->sent, 1) << "what was put off is kept";
}

}  // namespace
}  // namespace flatline
