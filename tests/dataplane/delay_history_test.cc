// The history of one way's delays, by invented clocks that are far apart.
#include "dataplane/delay_history.h"

#include <flatline/profile.h>

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMillisecond;

// An endpoint that sends every second, by a clock that is years ahead of ours.
class DelayHistory : public testing::Test {
 protected:
  // Sent in second `at`, and so long on its way.
  void Hear(std::int64_t at, std::int64_t delay) {
    Payload latest{.id = 1, .heard_ns = at * kSecond + delay, .sent_ns = SentAt(at * kSecond)};
    ContinueHistory(known_, latest);
    known_ = latest;
  }

  [[nodiscard]] std::uint64_t SentAt(std::int64_t ns) const {
    return static_cast<std::uint64_t>(ns + clock_);
  }

  [[nodiscard]] std::optional<Duration> Late(std::int64_t sent_ns, std::int64_t delay) const {
    return LatenessOf(known_, SentAt(sent_ns), Instant{Duration{sent_ns + delay}});
  }

  std::int64_t clock_ = 1'700'000'000 * kSecond;
  Payload known_;
};

TEST_F(DelayHistory, TellsHowMuchLaterThanTheQuickest) {
  for (std::int64_t second = 1; second <= 10; ++second) {
    Hear(second, (second % 3 + 5) * kMillisecond);
  }
  const auto late = Late(11 * kSecond, 4'005 * kMillisecond);
  ASSERT_TRUE(late);
  EXPECT_LE(*late, Milliseconds(4'000)) << "never more than it was";
  EXPECT_GE(*late, Milliseconds(3'990)) << "less by drift at most";
}

TEST_F(DelayHistory, KnowsNothingWithoutHistoryOrClock) {
  EXPECT_FALSE(Late(1 * kSecond, 5 * kSecond));
  Hear(1, kMillisecond);
  EXPECT_TRUE(Late(2 * kSecond, 5 * kSecond));
  EXPECT_FALSE(LatenessOf(known_, 0, Instant{Duration{7 * kSecond}})) << "not timed";
  Payload untimed{.id = 1, .heard_ns = 3 * kSecond, .sent_ns = 0};
  ContinueHistory(known_, untimed);
  EXPECT_EQ(untimed.timed, 0);
  EXPECT_FALSE(LatenessOf(untimed, SentAt(4 * kSecond), Instant{Duration{9 * kSecond}}));
}

TEST_F(DelayHistory, TheQuickestIsNotLate) {
  Hear(1, 50 * kMillisecond);
  EXPECT_FALSE(Late(2 * kSecond, 10 * kMillisecond));
  Hear(2, 10 * kMillisecond);
  EXPECT_EQ(known_.least_transit_ns, known_.transit_ns());
}

TEST_F(DelayHistory, DriftIsNotLateness) {
  Hear(1, kMillisecond);
  constexpr std::int64_t kHour = 3600;
  for (std::int64_t hours : {1, 2, 3}) {
    clock_ -= kHour * kSecond / kMostDrift;  // slow by 500 ppm
    Hear(1 + hours * kHour, kMillisecond);
    EXPECT_LE(WrappingDifference(known_.transit_ns(), known_.least_transit_ns), kMillisecond)
        << hours;
  }
}

TEST_F(DelayHistory, AStepOfDelayBecomesUsualInTheEnd) {
  Hear(1, kMillisecond);
  Hear(2, 101 * kMillisecond);
  EXPECT_GT(WrappingDifference(known_.transit_ns(), known_.least_transit_ns), 99 * kMillisecond);
  for (std::int64_t second = 3; second < 300; ++second) {
    Hear(second, 101 * kMillisecond);
  }
  EXPECT_EQ(known_.transit_ns(), known_.least_transit_ns);
}

TEST_F(DelayHistory, AClockThatWasSetBackBeginsAnew) {
  Hear(10, kMillisecond);
  clock_ -= 60 * kSecond;
  EXPECT_FALSE(Late(11 * kSecond, kMillisecond)) << "not a minute late";
  Hear(11, kMillisecond);
  EXPECT_EQ(known_.timed, 1);
  EXPECT_EQ(known_.least_transit_ns, known_.transit_ns());
}

TEST_F(DelayHistory, JitterIsTheMeanOfTheChanges) {
  for (std::int64_t second = 1; second <= 200; ++second) {
    Hear(second, (second % 2 == 0 ? 30 : 10) * kMillisecond);
  }
  EXPECT_NEAR(known_.jitter_ns, 20 * kMillisecond, kMillisecond);
  EXPECT_EQ(known_.timed, 200);
  for (std::int64_t second = 201; second <= 300; ++second) {
    Hear(second, 10 * kMillisecond);
  }
  EXPECT_LT(known_.jitter_ns, kMillisecond);
  EXPECT_EQ(known_.timed, 255) << "stays there";
}

TEST_F(DelayHistory, WrapsWhateverAStrangerSays) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  for (const std::uint64_t first : {std::uint64_t{1}, kMost / 2, kMost / 2 + 1, kMost}) {
    for (const std::uint64_t second : {std::uint64_t{1}, kMost / 2, kMost / 2 + 1, kMost}) {
      Payload known{.id = 1, .heard_ns = kSecond, .sent_ns = first};
      ContinueHistory(Payload{}, known);
      Payload latest{.id = 1, .heard_ns = 2 * kSecond, .sent_ns = second};
      ContinueHistory(known, latest);
      EXPECT_GE(WrappingDifference(latest.transit_ns(), latest.least_transit_ns), 0);
      const auto late = LatenessOf(known, second, Instant{Duration{3 * kSecond}});
      EXPECT_TRUE(!late || *late > Duration{});
    }
  }
}

}  // namespace
}  // namespace flatline
