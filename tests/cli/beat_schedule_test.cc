// When agents beat, with invented time.
#include "control/cli/beat_schedule.h"

#include <flatline/profile.h>

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

constexpr Instant kStart{Duration{5'000'000'000}};

std::vector<Instant> BeatsOf(BeatSchedule& schedule, std::size_t agent, int beats) {
  std::vector<Instant> out;
  while (static_cast<int>(out.size()) < beats) {
    const Instant due = schedule.next();
    if (schedule.TakeDue(due) == agent) {
      out.push_back(due);
    }
  }
  return out;
}

TEST(BeatSchedule, OneAgentBeatsAtOnce) {
  BeatSchedule schedule{1, {}, kStart};
  EXPECT_EQ(schedule.TakeDue(kStart), 0U);
  EXPECT_EQ(schedule.TakeDue(kStart), std::nullopt);
}

TEST(BeatSchedule, SpreadsThePhasesOverTheFirstInterval) {
  BeatSchedule schedule{4, {.interval = Milliseconds(100), .jitter = 0}, kStart};
  for (std::size_t agent = 0; agent < 4; ++agent) {
    EXPECT_EQ(schedule.next(), kStart + Milliseconds(25) * static_cast<int>(agent));
    EXPECT_EQ(schedule.TakeDue(schedule.next()), agent);
  }
}

TEST(BeatSchedule, WithoutJitterItIsAMetronome) {
  BeatSchedule schedule{1, {.interval = Milliseconds(100), .jitter = 0}, kStart};
  const auto beats = BeatsOf(schedule, 0, 50);
  EXPECT_EQ(beats.back() - beats.front(), Milliseconds(4900));
}

TEST(BeatSchedule, JitterStaysWithinItsPartAndUsesIt) {
  BeatSchedule schedule{3, {.interval = Milliseconds(100), .jitter = 0.2, .seed = 7}, kStart};
  const auto beats = BeatsOf(schedule, 1, 1000);
  Duration least = Milliseconds(1000);
  Duration most{};
  for (std::size_t i = 1; i < beats.size(); ++i) {
    least = std::min(least, beats[i] - beats[i - 1]);
    most = std::max(most, beats[i] - beats[i - 1]);
  }
  EXPECT_GE(least, Milliseconds(80));
  EXPECT_LE(most, Milliseconds(120));
  EXPECT_LT(least, Milliseconds(82)) << "in 1000 beats";
  EXPECT_GT(most, Milliseconds(118)) << "in 1000 beats";
}

TEST(BeatSchedule, TheSeedGivesTheSameScheduleAgain) {
  BeatSchedule one{5, {.seed = 42}, kStart};
  BeatSchedule same{5, {.seed = 42}, kStart};
  BeatSchedule other{5, {.seed = 43}, kStart};
  const auto beats = BeatsOf(one, 2, 20);
  EXPECT_EQ(BeatsOf(same, 2, 20), beats);
  EXPECT_NE(BeatsOf(other, 2, 20), beats);
}

TEST(BeatSchedule, DoesNotMakeUpForBeatsThatItSleptThrough) {
  BeatSchedule schedule{1, {.interval = Milliseconds(100), .jitter = 0}, kStart};
  const Instant late = kStart + Milliseconds(1050);
  EXPECT_EQ(schedule.TakeDue(late), 0U);
  EXPECT_EQ(schedule.TakeDue(late), std::nullopt);
  EXPECT_EQ(schedule.next(), late + Milliseconds(100));
}

}  // namespace
}  // namespace flatline::cli
