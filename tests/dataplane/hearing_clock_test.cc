// The clock of hearing and what it announces, in invented time. Times are in milliseconds.
#include "dataplane/hearing_clock.h"

#include <flatline/profile.h>
#include <flatline/time.h>

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Duration kOverload = Milliseconds(100);

constexpr Instant At(std::int64_t ms) {
  return Instant{Milliseconds(ms)};
}

constexpr HearingInstant Heard(std::int64_t ms) {
  return HearingInstant{Milliseconds(ms)};
}

constexpr std::int64_t Since(std::int64_t ms) {
  return Milliseconds(ms).count();
}

class HearingClockTest : public testing::Test {
 protected:
  void Stall(std::int64_t from, std::int64_t to) {
    clock_.Account({.from = At(from), .to = At(to), .reason = Reason::kWorkerStalled});
  }

  // A turn of the leader in which every worker has drained its queues up to `drained`.
  void Turn(std::int64_t drained, std::int64_t now) {
    clock_.Advance({.drained = At(drained), .turn = At(now)}, At(now));
  }

  std::vector<Transition> Announced() {
    std::vector<Transition> out;
    while (const Transition* next = clock_.Announcement()) {
      out.push_back(*next);
      clock_.PopAnnouncement();
    }
    return out;
  }

  HearingClock clock_{At(1000), Duration{0}, kOverload};
};

TEST_F(HearingClockTest, FollowsTheSlowestWorkerAndNotThePresent) {
  EXPECT_EQ(clock_.horizon(), Heard(1000));
  Turn(1040, 1050);
  EXPECT_EQ(clock_.horizon(), Heard(1040));
}

TEST_F(HearingClockTest, KnowsWhenABlindnessOfALengthWasLastOver) {
  EXPECT_EQ(clock_.deaf_until()[0], HearingInstant{});
  Stall(2000, 2010);
  EXPECT_EQ(clock_.deaf_until()[3], Heard(2000)) << "8 ms and more, in hearing time";
  EXPECT_EQ(clock_.deaf_until()[4], HearingInstant{});
  Stall(2050, 2060);
  EXPECT_EQ(clock_.deaf_until()[4], Heard(2040)) << "two pieces near each other are 20 ms";
  Stall(3000, 3010);
  EXPECT_EQ(clock_.deaf_until()[3], Heard(2980));
  EXPECT_EQ(clock_.deaf_until()[4], Heard(2040)) << "another one, and shorter";
  Stall(10'000, 10'000'000);
  EXPECT_EQ(clock_.deaf_until()[kDeafnesses - 1], Heard(9970)) << "as long as any";
}

TEST_F(HearingClockTest, StandsStillThroughAStall) {
  Turn(1050, 1050);
  Stall(1050, 3050);
  Turn(3050, 3050);
  EXPECT_EQ(clock_.horizon(), Heard(1050));
  EXPECT_EQ(clock_.blind_total(), Milliseconds(2000));
  Turn(3060, 3060);
  EXPECT_EQ(clock_.horizon(), Heard(1060));
}

TEST_F(HearingClockTest, CountsAStallOfSeveralWorkersOnce) {
  Stall(1050, 2000);
  Stall(1040, 1990);
  Stall(1045, 2010);
  EXPECT_EQ(clock_.blind_total(), Milliseconds(970));
}

TEST_F(HearingClockTest, NeverGoesBack) {
  Turn(1500, 1500);
  Stall(1300, 1450);  // told late: it had moved on
  Turn(1510, 1510);
  EXPECT_EQ(clock_.horizon(), Heard(1500));
  Turn(1640, 1640);
  EXPECT_EQ(clock_.horizon(), Heard(1500));
  Turn(1660, 1660);
  EXPECT_EQ(clock_.horizon(), Heard(1510)) << "and goes on when hearing time has caught up";
}

TEST_F(HearingClockTest, IgnoresBlindnessBeforeItsTime) {
  Stall(0, 1010);
  EXPECT_EQ(clock_.blind_total(), Milliseconds(10));
}

TEST_F(HearingClockTest, StandsStillWhileALinkIsDown) {
  Turn(1100, 1100);
  for (std::int64_t now = 1110; now <= 5000; now += 10) {
    clock_.Observe(2, Since(1100), At(now));
    Turn(now, now);
    ASSERT_EQ(clock_.horizon(), Heard(1100)) << "at " << now;
  }
  EXPECT_EQ(clock_.deaf_since_ns(), Since(1100));
  clock_.Observe(2, 0, At(5010));
  clock_.Account({.from = At(1100), .to = At(5005), .reason = Reason::kLinkDown, .port = 2});
  Turn(5010, 5010);
  EXPECT_EQ(clock_.deaf_since_ns(), 0);
  EXPECT_EQ(clock_.blind_total(), Milliseconds(3905));
  EXPECT_EQ(clock_.horizon(), Heard(1105));
}

TEST_F(HearingClockTest, AnnouncesALinkThatGoesDownAtOnceAndItsReturnWithTheLength) {
  clock_.Observe(2, Since(1100), At(1110));
  Turn(1110, 1110);
  auto first = Announced();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].kind, TransitionKind::kBlind);
  EXPECT_EQ(first[0].reason, Reason::kLinkDown);
  EXPECT_EQ(first[0].at, At(1100));
  EXPECT_EQ(first[0].silence, Duration{0});
  EXPECT_EQ(first[0].port, 2);
  EXPECT_EQ(first[0].id, kNoEndpoint);
  for (std::int64_t now = 1120; now <= 9000; now += 10) {
    clock_.Observe(2, Since(1100), At(now));
    Turn(now, now);
    ASSERT_TRUE(Announced().empty()) << "nothing more while it lasts";
  }
  clock_.Observe(2, 0, At(9010));
  Turn(9010, 9010);
  auto last = Announced();
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0].at, At(9000));
  EXPECT_EQ(last[0].silence, Milliseconds(7900));
  EXPECT_EQ(last[0].port, 2);
}

TEST_F(HearingClockTest, CallsTheEarliestOfSeveralDeafPorts) {
  clock_.Observe(0, Since(1300), At(1400));
  clock_.Observe(3, Since(1200), At(1400));
  EXPECT_EQ(clock_.deaf_since_ns(), Since(1200));
  EXPECT_EQ(clock_.blind_total(), Milliseconds(200)) << "counted once";
}

TEST_F(HearingClockTest, AnnouncesNeighbouringStallsAsOne) {
  Stall(1050, 1100);
  Turn(1100, 1100);
  Stall(1150, 1200);
  Turn(1200, 1200);
  EXPECT_TRUE(Announced().empty());
  Turn(1300, 1300);
  const auto announced = Announced();
  ASSERT_EQ(announced.size(), 1U);
  EXPECT_EQ(announced[0].at, At(1200));
  EXPECT_EQ(announced[0].silence, Milliseconds(150));
  EXPECT_EQ(announced[0].reason, Reason::kWorkerStalled);
  EXPECT_EQ(clock_.blind_total(), Milliseconds(100)) << "the gap was heard";
}

TEST_F(HearingClockTest, NamesAnEpisodeOfSeveralCausesAfterItsLongestPiece) {
  Stall(1050, 1060);
  clock_.Account({.from = At(1060), .to = At(1100), .reason = Reason::kFramesMissed, .port = 3});
  Stall(1100, 1120);
  Turn(1300, 1300);
  const auto announced = Announced();
  ASSERT_EQ(announced.size(), 1U);
  EXPECT_EQ(announced[0].reason, Reason::kFramesMissed);
  EXPECT_EQ(announced[0].port, 3);
  EXPECT_EQ(announced[0].at, At(1120));
  EXPECT_EQ(announced[0].silence, Milliseconds(70)) << "its pieces together";
}

TEST_F(HearingClockTest, AnnouncesDistantStallsApartAlsoWhenToldOutOfOrder) {
  Stall(2000, 2050);
  Stall(1100, 1150);
  Stall(3000, 3050);
  Turn(3200, 3200);
  const auto announced = Announced();
  ASSERT_EQ(announced.size(), 3U);
  EXPECT_EQ(announced[0].at, At(1150));
  EXPECT_EQ(announced[1].at, At(2050));
  EXPECT_EQ(announced[2].at, At(3050));
}

TEST_F(HearingClockTest, TellsOfABlindnessThatGoesOnInPartsOfAboutASecond) {
  std::size_t announced = 0;
  for (std::int64_t now = 1010; now <= 6000; now += 10) {
    clock_.Account(
        {.from = At(now - 10), .to = At(now), .reason = Reason::kFramesMissed, .port = 0});
    Turn(now, now);
    announced += Announced().size();
  }
  EXPECT_EQ(announced, 5U);
}

TEST_F(HearingClockTest, TakesAQueueThatIsNeverEmptyForDeafness) {
  Turn(1050, 1050);
  for (std::int64_t now = 1060; now <= 3000; now += 10) {
    Turn(1050, now);
  }
  EXPECT_EQ(clock_.horizon(), Heard(1050));
  EXPECT_EQ(clock_.blind_total(), Milliseconds(1950));
  const auto announced = Announced();
  ASSERT_FALSE(announced.empty());
  EXPECT_EQ(announced[0].reason, Reason::kOverloaded);
}

TEST_F(HearingClockTest, CallsAWorkerThatDoesNotTurnStalled) {
  clock_.Advance({.drained = At(1000), .turn = At(1000)}, At(1500));
  clock_.Advance({.drained = At(1700), .turn = At(1700)}, At(1700));
  const auto announced = Announced();
  ASSERT_EQ(announced.size(), 1U);
  EXPECT_EQ(announced[0].reason, Reason::kWorkerStalled);
}

TEST_F(HearingClockTest, LosesNoBlindTimeWhenNobodyTakesItsAnnouncements) {
  for (std::int64_t i = 0; i < 500; ++i) {
    Stall(2000 + i * 1000, 2050 + i * 1000);
    Turn(2060 + i * 1000, 2060 + i * 1000);
  }
  EXPECT_EQ(clock_.blind_total(), Milliseconds(25'000));
  const auto queued = Announced();
  Turn(600'000, 600'000);
  const auto rest = Announced();
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].at, At(501'050));
  EXPECT_EQ(rest[0].at - rest[0].silence, queued.back().at + Milliseconds(950))
      << "what found no room is one interval that covers it all";
}

TEST_F(HearingClockTest, GoesOnWhereThePredecessorStopped) {
  // It had heard up to 5000 − 700 and died; its successor hears from 9000 on.
  HearingClock successor{At(5000), Milliseconds(700), kOverload};
  EXPECT_EQ(successor.horizon(), Heard(4300));
  successor.Account({.from = At(5000), .to = At(9000), .reason = Reason::kDataplaneRestarted});
  successor.Advance({.drained = At(9000), .turn = At(9000)}, At(9000));
  EXPECT_EQ(successor.horizon(), Heard(4300));
  successor.Advance({.drained = At(9010), .turn = At(9010)}, At(9010));
  EXPECT_EQ(successor.horizon(), Heard(4310));
}

}  // namespace
}  // namespace flatline
