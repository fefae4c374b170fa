// The guard of a group, through the whole engine of two workers: a rack of twenty falls silent in a
// fleet of two hundred. Invented time; `leader-election` (100 ms × 3, confirmed after 100 ms) is
// the profile. Group 1 is endpoints 1 to 20, and so on.
#include "tests/dataplane/two_workers.h"

#include <flatline/time.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr EndpointId kFleet = 200;
constexpr EndpointId kRack = 20;

constexpr Group RackOf(EndpointId id) {
  return static_cast<Group>((id - 1) / kRack + 1);
}

class GroupGuardTest : public TwoWorkersTest {
 protected:
  explicit GroupGuardTest(std::uint32_t share_ppm = 500'000,
                          Duration confirmation = Milliseconds(100))
      : TwoWorkersTest(ConfigWith(share_ppm, confirmation)) {
    for (EndpointId id = 1; id <= kFleet; ++id) {
      Enrol(id, RackOf(id), 1);
    }
    Live(Milliseconds(500), [](EndpointId) { return true; });
  }

  static Config ConfigWith(std::uint32_t share_ppm, Duration confirmation) {
    Config config = SmallConfig(4 * kFleet, 2);
    config.profiles[1].confirmation = confirmation;
    config.dataplane.transition_ring = 1U << 14;
    config.guard.fleet_share_ppm = 0;
    config.guard.group_share_ppm = share_ppm;
    config.guard.window = Milliseconds(10'000);
    config.guard.release_after = Milliseconds(5'000);
    return config;
  }

  void Order(GuardMode mode, Group group, std::uint32_t seconds = 0) {
    Give(0, {.id = GuardOrder{mode, seconds}.Pack(), .group = group, .kind = CommandKind::kGuard});
  }

  void Live(Duration length, const std::function<bool(EndpointId)>& beats) {
    for (const Instant until = now_ + length; now_ < until;) {
      now_ += Milliseconds(1);
      for (EndpointId id = 1 + turn_ % 100; id <= kFleet; id += 100) {
        if (beats(id)) {
          Beat(id);
        }
      }
      ++turn_;
      Turn([this](const Transition& told) { Note(told); });
    }
  }

  void Note(const Transition& told) {
    if (told.kind == TransitionKind::kGroup) {
      guard_.push_back(told);
    } else if (told.liveness == Liveness::kDead) {
      ++dead_[told.group];
    }
  }

  std::map<Group, int> dead_;
  std::vector<Transition> guard_;
  std::uint64_t turn_ = 0;
};

TEST_F(GroupGuardTest, WhoDiedBeforeARestartIsCountedAfterIt) {
  Live(Milliseconds(600), [](EndpointId id) { return id > 8; });
  ASSERT_EQ(dead_[1], 8);
  engine_.reset();
  now_ += Milliseconds(500);
  Start();
  Live(Milliseconds(1'000), [](EndpointId id) { return id > 12; });
  ASSERT_EQ(guard_.size(), 1U) << "12 of 20, not 4 of 12";
  EXPECT_EQ(guard_[0].incarnation, 12U);
  EXPECT_EQ(dead_[1], 8);
}

TEST_F(GroupGuardTest, HoldsARackAndNobodyElse) {
  // All of rack 1, and three of rack 2: the witnesses.
  Live(Milliseconds(1'500), [](EndpointId id) { return id > 23; });
  EXPECT_EQ(dead_[1], 0);
  EXPECT_EQ(dead_[2], 3);
  ASSERT_EQ(guard_.size(), 1U);
  EXPECT_EQ(guard_[0].reason, Reason::kGuard);
  EXPECT_EQ(guard_[0].group, 1U);
  EXPECT_EQ(guard_[0].to, 1);
  EXPECT_EQ(guard_[0].from, static_cast<std::uint8_t>(GroupCause::kSharedDomain));
  EXPECT_GE(guard_[0].incarnation, kRack / 2);
  EXPECT_EQ(guard_[0].sequence, kRack);
  Live(Milliseconds(500), [](EndpointId id) { return id <= 20 || id > 23; });
  ASSERT_EQ(guard_.size(), 2U);
  EXPECT_EQ(guard_[1].to, 0);
  EXPECT_EQ(dead_[1], 0) << "they are back";
  EXPECT_EQ(region_.view().dataplane().counters[0][Counter::kGroupGuardHolds], 1U);
}

TEST_F(GroupGuardTest, LeavesByItselfAndThenTheyDie) {
  Live(Milliseconds(5'300), [](EndpointId id) { return id > kRack; });
  EXPECT_EQ(dead_[1], 0);
  Live(Milliseconds(1'000), [](EndpointId id) { return id > kRack; });
  EXPECT_EQ(dead_[1], static_cast<int>(kRack));
  ASSERT_EQ(guard_.size(), 2U);
  EXPECT_EQ(guard_[1].from, static_cast<std::uint8_t>(GroupCause::kTimeOver));
}

TEST_F(GroupGuardTest, WhoIsStillSilentWhenTheRestIsBackIsConfirmedAnew) {
  Live(Milliseconds(1'000), [](EndpointId id) { return id > kRack; });
  ASSERT_EQ(guard_.size(), 1U);
  while (guard_.size() == 1) {
    Live(Milliseconds(1), [](EndpointId id) { return id > 4; });
  }
  Live(Milliseconds(90), [](EndpointId id) { return id > 4; });
  EXPECT_EQ(dead_[1], 0);
  Live(Milliseconds(400), [](EndpointId id) { return id > 4; });
  EXPECT_EQ(dead_[1], 4);
}

// Held ones are looked at three times in a confirmation like this.
class LongConfirmationInAGroupTest : public GroupGuardTest {
 protected:
  LongConfirmationInAGroupTest() : GroupGuardTest(500'000, Milliseconds(1'000)) {}
};

TEST_F(LongConfirmationInAGroupTest, WhoIsStillSilentWhenTheRestIsBackHasAWholeOneToBeHeardIn) {
  Live(Milliseconds(2'500), [](EndpointId id) { return id > kRack; });
  ASSERT_EQ(guard_.size(), 1U);
  while (guard_.size() == 1) {
    Live(Milliseconds(1), [](EndpointId id) { return id > 4; });
  }
  Live(Milliseconds(990), [](EndpointId id) { return id > 4; });
  EXPECT_EQ(dead_[1], 0);
  Live(Milliseconds(310), [](EndpointId id) { return id > 4; });
  EXPECT_EQ(dead_[1], 4);
}

TEST_F(GroupGuardTest, BelowItsShareMembersDieAsEver) {
  Live(Milliseconds(800), [](EndpointId id) { return id > 9; });
  EXPECT_EQ(dead_[1], 9);
  EXPECT_TRUE(guard_.empty());
}

// Nine of twenty die and come back, three times within the window of ten seconds: never half.
TEST_F(GroupGuardTest, WhoCameBackFromTheDeadIsNotCountedAmongThem) {
  for (int times = 1; times <= 3; ++times) {
    Live(Milliseconds(800), [](EndpointId id) { return id > 9; });
    EXPECT_EQ(dead_[1], 9 * times);
    Live(Milliseconds(400), [](EndpointId) { return true; });
  }
  EXPECT_TRUE(guard_.empty());
  Live(Milliseconds(800), [](EndpointId id) { return id > kRack; });
  EXPECT_EQ(dead_[1], 27) << "and the guard is there";
}

TEST_F(GroupGuardTest, WhoIsWatchedNoMoreIsNotCountedAmongTheDead) {
  Live(Milliseconds(800), [](EndpointId id) { return id > 9; });
  EXPECT_EQ(dead_[1], 9);
  for (EndpointId id = 1; id <= 9; ++id) {
    Retire(id);
  }
  Live(Milliseconds(800), [](EndpointId id) { return id > 14; });
  EXPECT_EQ(dead_[1], 14) << "five of eleven, not fourteen of twenty";
  EXPECT_TRUE(guard_.empty());
}

TEST_F(GroupGuardTest, HoldsOverARestart) {
  Live(Milliseconds(1'000), [](EndpointId id) { return id > kRack; });
  ASSERT_EQ(guard_.size(), 1U);
  engine_.reset();
  now_ += Milliseconds(500);
  Start();
  Live(Milliseconds(1'500), [](EndpointId id) { return id > kRack; });
  EXPECT_EQ(dead_[1], 0);
  EXPECT_EQ(guard_.size(), 1U) << "told already";
}

TEST_F(GroupGuardTest, ObeysOrders) {
  Order(GuardMode::kRelease, 1);
  Live(Milliseconds(800), [](EndpointId id) { return id > kRack; });
  EXPECT_EQ(dead_[1], static_cast<int>(kRack)) << "whatever the numbers say";
  Order(GuardMode::kHold, 2, 1);
  Live(Milliseconds(800), [](EndpointId id) { return id > kRack + 1; });
  EXPECT_EQ(dead_[2], 0) << "one of twenty, held by order";
  ASSERT_FALSE(guard_.empty());
  EXPECT_EQ(guard_[0].group, 2U);
  EXPECT_EQ(guard_[0].from, static_cast<std::uint8_t>(GroupCause::kOperator));
  Live(Milliseconds(1'500), [](EndpointId id) { return id > kRack + 1; });
  EXPECT_EQ(dead_[2], 1) << "for a second";
}

TEST_F(GroupGuardTest, MoreOrdersThanThereIsRoomForAreRefused) {
  const RegionView& view = region_.view();
  for (Group group = 1'000; group < 2'000; ++group) {
    Order(GuardMode::kHold, group, 1);
  }
  const std::uint64_t before = view.dataplane().result_heads[0].value.load();
  const auto results = view.results(0);
  Live(Milliseconds(5), [](EndpointId) { return true; });
  std::size_t refused = 0;
  const std::uint64_t after = view.dataplane().result_heads[0].value.load();
  for (std::uint64_t i = before; i != after; ++i) {
    refused += results[i & (results.size() - 1)].status == CommandStatus::kTableFull ? 1 : 0;
  }
  EXPECT_GE(refused, 1'000 - kMostGroupGuards);
  EXPECT_LT(refused, 1'000U);
  // Where no place is free a group's verdicts pass.
  Live(Milliseconds(800), [](EndpointId id) { return id > kRack; });
  EXPECT_EQ(dead_[1], static_cast<int>(kRack));
  // The orders are over after a second, and, when nobody can be in a reprieve any more (30 s, the
  // longest interval of a profile), their places are free again.
  Live(Milliseconds(31'000), [](EndpointId id) { return id > kRack; });
  EXPECT_TRUE(std::ranges::all_of(view.dataplane().group_guards, [](const GuardState& state) {
    return state.group.load() == kNoGroup;
  }));
}

class NoGroupGuardTest : public GroupGuardTest {
 protected:
  NoGroupGuardTest() : GroupGuardTest(0) {}
};

TEST_F(NoGroupGuardTest, IsOffUnlessOrdered) {
  Live(Milliseconds(800), [](EndpointId id) { return id > kRack; });
  EXPECT_EQ(dead_[1], static_cast<int>(kRack));
  EXPECT_TRUE(guard_.empty());
  Order(GuardMode::kHold, 2);
  Live(Milliseconds(800), [](EndpointId id) { return id > 2 * kRack; });
  EXPECT_EQ(dead_[2], 0);
  EXPECT_EQ(guard_.size(), 1U);
  Order(GuardMode::kAuto, 2);
  Live(Milliseconds(800), [](EndpointId id) { return id > 2 * kRack; });
  EXPECT_EQ(dead_[2], static_cast<int>(kRack));
}

}  // namespace
}  // namespace flatline
