#include "dataplane/idle.h"

#include <gtest/gtest.h>

namespace flatline {
namespace {

using Action = Idle::Action;

TEST(IdleTest, WorkKeepsItTurning) {
  Idle idle(IdleMode::kAdaptive);
  for (int i = 0; i < 10'000; ++i) {
    // one frame in 400 turns, and it never naps
    ASSERT_NE(idle.After(i % 400 == 0), Action::kNap) << i;
  }
}

TEST(IdleTest, TurnsThenPausesThenNaps) {
  Idle idle(IdleMode::kAdaptive);
  for (std::uint32_t i = 0; i < Idle::kTurnsBeforeNap; ++i) {
    ASSERT_EQ(idle.After(false), i < Idle::kTurnsBeforePause ? Action::kTurn : Action::kPause);
  }
  EXPECT_EQ(idle.After(false), Action::kNap);
  EXPECT_EQ(idle.After(false), Action::kNap);
}

TEST(IdleTest, AFrameWakesItForAWhile) {
  Idle idle(IdleMode::kAdaptive);
  while (idle.After(false) != Action::kNap) {
  }
  EXPECT_EQ(idle.After(true), Action::kTurn);
  EXPECT_EQ(idle.After(false), Action::kTurn);
}

TEST(IdleTest, PollingNeverRests) {
  Idle idle(IdleMode::kPoll);
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(idle.After(false), Action::kTurn);
  }
}

}  // namespace
}  // namespace flatline
