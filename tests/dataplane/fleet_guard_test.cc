// The guard over the fleet by itself: by which numbers it begins to hold and leaves, when it leaves
// of its own accord, and what an order does.
#include "dataplane/fleet_guard.h"

#include "dataplane/recent_count.h"

#include <flatline/profile.h>

#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Duration Seconds(std::int64_t seconds) {
  return Milliseconds(seconds * 1'000);
}

class FleetGuardTest : public testing::Test {
 protected:
  static constexpr GuardSettings kSettings{.share_ppm = 500'000,
                                           .least_endpoints = 100,
                                           .window = Seconds(60),
                                           .release_after = Seconds(300)};

  void Judge(std::uint64_t suspect, std::uint64_t died, std::uint64_t watched) {
    now_ += Seconds(1);
    guard_.Judge({suspect, died, watched}, now_, HearingInstant{now_.time_since_epoch()});
  }

  void Order(GuardMode mode, std::uint32_t seconds = 0) {
    state_.order.store(GuardOrder{mode, seconds}.Pack());
    state_.order_ns.store(now_.time_since_epoch().count());
  }

  std::optional<Transition> Told() {
    const Transition* const next = guard_.Announcement();
    if (next == nullptr) {
      return std::nullopt;
    }
    const Transition out = *next;
    guard_.PopAnnouncement();
    return out;
  }

  Instant now_{Seconds(1000)};
  GuardState state_;
  FleetGuard guard_{kSettings, state_};
};

TEST_F(FleetGuardTest, BeginsAtTheShareAndSaysByWhichNumbers) {
  Judge(499, 0, 1000);
  EXPECT_FALSE(guard_.holds());
  Judge(400, 100, 1000);
  EXPECT_TRUE(guard_.holds()) << "those who have died just now are silent too";
  const auto told = Told();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->kind, TransitionKind::kGroup);
  EXPECT_EQ(told->reason, Reason::kGuard);
  EXPECT_EQ(told->to, 1);
  EXPECT_EQ(told->from, static_cast<std::uint8_t>(GroupCause::kFleet));
  EXPECT_EQ(told->incarnation, 500U);
  EXPECT_EQ(told->sequence, 1000U);
  EXPECT_EQ(told->silence, Seconds(60)) << "the window";
  EXPECT_FALSE(Told());
}

TEST_F(FleetGuardTest, LeavesATinyFleetAlone) {
  Judge(99, 0, 99);
  EXPECT_FALSE(guard_.holds());
  Judge(100, 0, 100);
  EXPECT_TRUE(guard_.holds());
}

TEST_F(FleetGuardTest, LeavesOnlyWellBelowTheShareAndThenGivesAReprieve) {
  Judge(500, 0, 1000);
  Judge(380, 0, 1000);
  EXPECT_TRUE(guard_.holds()) << "three quarters of the share: it would come and go";
  EXPECT_EQ(state_.eased_ns.load(), 0);
  Judge(370, 0, 1000);
  EXPECT_FALSE(guard_.holds());
  EXPECT_EQ(state_.eased_ns.load(), now_.time_since_epoch().count());
}

TEST_F(FleetGuardTest, LeavesByItselfAndStaysAwayUntilTheShareHasBeenLow) {
  Judge(900, 0, 1000);
  const Instant began = now_;
  ASSERT_TRUE(Told());
  while (now_ - began < Seconds(299)) {
    Judge(900, 0, 1000);
    ASSERT_TRUE(guard_.holds());
  }
  Judge(900, 0, 1000);
  EXPECT_FALSE(guard_.holds());
  EXPECT_EQ(state_.eased_ns.load(), 0) << "they have been silent for long enough";
  const auto told = Told();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->to, 0);
  EXPECT_EQ(told->from, static_cast<std::uint8_t>(GroupCause::kTimeOver));
  EXPECT_EQ(told->silence, Seconds(300)) << "for so long it held";
  Judge(0, 900, 1000);
  EXPECT_FALSE(guard_.holds());
  Judge(0, 10, 110);
  Judge(60, 0, 110);
  EXPECT_TRUE(guard_.holds()) << "another time is another time";
}

TEST_F(FleetGuardTest, GoesOnWithWhatItsPredecessorHeld) {
  Judge(900, 0, 1000);
  const Instant began = now_;
  FleetGuard successor(kSettings, state_);
  EXPECT_TRUE(successor.holds());
  successor.Judge({900, 0, 1000}, began + Seconds(300), {});
  EXPECT_FALSE(successor.holds()) << "a restart does not make a hold longer";
}

TEST_F(FleetGuardTest, DoesAsItIsTold) {
  Order(GuardMode::kHold, 10);
  Judge(0, 0, 3);
  EXPECT_TRUE(guard_.holds());
  EXPECT_EQ(Told()->from, static_cast<std::uint8_t>(GroupCause::kOperator));
  for (int i = 0; i < 8; ++i) {
    Judge(0, 0, 3);
    EXPECT_TRUE(guard_.holds());
  }
  Judge(0, 0, 3);
  EXPECT_FALSE(guard_.holds()) << "an order is for a time";
  ASSERT_TRUE(Told());
  Judge(1000, 0, 1000);
  EXPECT_TRUE(guard_.holds());
  Order(GuardMode::kRelease);
  Judge(1000, 0, 1000);
  EXPECT_FALSE(guard_.holds());
  now_ += Seconds(100'000);
  Judge(1000, 0, 1000);
  EXPECT_FALSE(guard_.holds()) << "until told otherwise";
  Order(GuardMode::kAuto);
  Judge(1000, 0, 1000);
  EXPECT_TRUE(guard_.holds());
}

TEST_F(FleetGuardTest, SaysNothingOfWhatIsOverBeforeItCouldBeTold) {
  Judge(900, 0, 1000);
  Judge(0, 0, 1000);
  EXPECT_FALSE(Told());
}

TEST_F(FleetGuardTest, CanBeSwitchedOff) {
  GuardSettings off = kSettings;
  off.share_ppm = 0;
  FleetGuard guard(off, state_);
  guard.Judge({1000, 0, 1000}, now_, {});
  EXPECT_FALSE(guard.holds());
  Order(GuardMode::kHold);
  guard.Judge({0, 0, 1000}, now_, {});
  EXPECT_TRUE(guard.holds()) << "but for an order";
}

TEST(GuardOrder, ComesBackAsItWasAndIsNothingElse) {
  for (const GuardOrder order : {GuardOrder{}, GuardOrder{GuardMode::kHold, 3600}}) {
    GuardOrder back;
    ASSERT_TRUE(GuardOrder::Unpack(order.Pack(), back));
    EXPECT_EQ(back.mode, order.mode);
    EXPECT_EQ(back.seconds, order.seconds);
  }
  GuardOrder out;
  EXPECT_FALSE(GuardOrder::Unpack(0, out));
  EXPECT_FALSE(GuardOrder::Unpack(4, out));
  EXPECT_FALSE(GuardOrder::Unpack(~std::uint64_t{0}, out));
  EXPECT_FALSE(GuardOrder::Unpack((std::uint64_t{GuardOrder::kMostSeconds + 1} << 8) | 1, out));
}

TEST(RecentCount, ForgetsWhatIsOlderThanItsWindow) {
  RecentCount count(Seconds(16));
  const Instant begin{Seconds(5000)};
  count.Add(begin);
  count.Add(begin + Seconds(8));
  count.Add(begin + Seconds(8));
  EXPECT_EQ(count.Sum(begin + Seconds(15)), 3U);
  EXPECT_EQ(count.Sum(begin + Seconds(16)), 2U);
  EXPECT_EQ(count.Sum(begin + Seconds(24)), 0U);
  count.Add(begin + Seconds(10'000));
  EXPECT_EQ(count.Sum(begin + Seconds(10'000)), 1U);
}

TEST(RecentCount, CountsWhatIsToldLaterThanItWas) {
  RecentCount count(Seconds(16));
  const Instant begin{Seconds(5000)};
  count.Add(begin + Seconds(8));
  count.Add(begin);
  count.Add(begin - Seconds(8));
  EXPECT_EQ(count.Sum(begin + Seconds(8)), 2U) << "one was a window ago";
  EXPECT_EQ(count.Sum(begin + Seconds(16)), 1U);
}

TEST(RecentCount, AMachineThatHasJustStartedHasNoTimesBefore) {
  RecentCount count(Seconds(16));
  const Instant reckoned{-Seconds(20'000)};
  count.Add(reckoned);
  EXPECT_EQ(count.Sum(Instant{Seconds(1)}), 1U) << "about when it started";
  count.TakeBack(reckoned, Instant{Seconds(2)});
  EXPECT_EQ(count.Sum(Instant{Seconds(2)}), 0U);
  count.Add(Instant{Seconds(30)});
  count.TakeBack(reckoned, Instant{Seconds(30)});
  EXPECT_EQ(count.Sum(Instant{Seconds(30)}), 1U);
}

TEST(RecentCount, TakesBackWhatItStillCounts) {
  RecentCount count(Seconds(16));
  const auto at = [](std::int64_t second) { return Instant{Seconds(100 + second)}; };
  count.Add(at(0));
  count.Add(at(5));
  count.TakeBack(at(1), at(6));
  EXPECT_EQ(count.Sum(at(6)), 1U) << "that of the fifth second, the first one since";
  count.TakeBack(at(6), at(7));
  EXPECT_EQ(count.Sum(at(7)), 0U) << "nothing has happened since: the nearest before";
  count.TakeBack(at(6), at(7));
  EXPECT_EQ(count.Sum(at(7)), 0U) << "and nothing is left";
  count.Add(at(16));
  count.TakeBack(at(0), at(16));
  EXPECT_EQ(count.Sum(at(16)), 1U) << "what is over is not taken from others";
  EXPECT_EQ(count.Sum(at(30)), 1U);
  EXPECT_EQ(count.Sum(at(32)), 0U) << "what was taken back does not go a second time";
}

}  // namespace
}  // namespace flatline
