#include "bench/generator/schedule.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace flatline::generator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Fleet MakeTestFleet(Index endpoints, Duration interval, Duration jitter, std::uint64_t seed) {
  Cohort cohort;
  cohort.endpoints = endpoints;
  cohort.interval = interval;
  cohort.jitter = jitter;
  cohort.timeout = 3 * interval;
  return Fleet({cohort}, 1, seed);
}

struct Emitted {
  Elapsed at;
  Index index;
  std::uint32_t round;
};

// What the schedule gives when it is asked at these steps, in takes of at most `most`.
std::vector<Emitted> RunSchedule(Schedule& schedule,
                                 Elapsed until,
                                 Elapsed step,
                                 std::size_t most) {
  std::vector<Emitted> out;
  for (Elapsed now{0}; now <= until; now += step) {
    for (auto beats = schedule.Due(now); !beats.empty(); beats = schedule.Due(now)) {
      const std::size_t count = std::min(beats.size(), most);
      for (const Beat& beat : beats.first(count)) {
        EXPECT_LE(schedule.due(), now);
        out.push_back({now, beat.index, beat.round});
      }
      schedule.Take(count);
    }
  }
  return out;
}

// The obviously right model: every heartbeat there is, sorted by the tick that it falls in.
TEST(Schedule, GivesWhatIsDueByTicksAgainstAList) {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const Duration jitter = milliseconds(seed * 20);
    const Fleet fleet = MakeTestFleet(257, milliseconds(100), jitter, seed);
    Schedule schedule(fleet, 0);
    const Elapsed step = seed % 2 == 0 ? kTick : Elapsed{1'000'003};
    const Elapsed last = (Elapsed(seconds(1)) / step) * step;
    std::multimap<std::int64_t, std::pair<Index, std::uint32_t>> model;  // by tick
    for (std::uint32_t round = 0; round < 11; ++round) {
      for (Index position = 0; position < fleet.size(); ++position) {
        const std::int64_t tick = schedule.DueAt(round, position).count() >> kTickShift;
        if (Elapsed{(tick + 1) << kTickShift} <= last) {
          model.emplace(tick, std::pair{schedule.IndexAt(round, position), round});
        }
      }
    }
    const auto emitted = RunSchedule(schedule, last, step, seed == 3 ? 1 : 64);
    ASSERT_EQ(emitted.size(), model.size());
    EXPECT_GT(emitted.size(), 2000U);
    // In the order of ticks; within a tick any order will do.
    for (auto expected = model.begin(); expected != model.end();) {
      const auto end = model.upper_bound(expected->first);
      const auto first = static_cast<std::size_t>(std::distance(model.begin(), expected));
      const auto count = static_cast<std::size_t>(std::distance(expected, end));
      std::multiset<std::pair<Index, std::uint32_t>> of_tick;
      std::multiset<std::pair<Index, std::uint32_t>> given;
      for (std::size_t i = 0; i < count; ++i, ++expected) {
        of_tick.insert(expected->second);
        given.insert({emitted[first + i].index, emitted[first + i].round});
      }
      ASSERT_EQ(given, of_tick);
    }
  }
}

TEST(Schedule, NeitherEarlyNorMoreThanATickLate) {
  const Fleet fleet = MakeTestFleet(1000, milliseconds(500), milliseconds(50), 9);
  Schedule schedule(fleet, 0);
  std::map<std::pair<Index, std::uint32_t>, Elapsed> due;
  for (std::uint32_t round = 0; round < 4; ++round) {
    for (Index position = 0; position < fleet.size(); ++position) {
      due[{schedule.IndexAt(round, position), round}] = schedule.DueAt(round, position);
    }
  }
  const auto emitted = RunSchedule(schedule, milliseconds(1900), kTick, 64);
  EXPECT_GT(emitted.size(), 3000U);
  for (const Emitted& beat : emitted) {
    const Elapsed at = due.at({beat.index, beat.round});
    EXPECT_GE(beat.at, at);
    EXPECT_LE(beat.at, at + kTick);
  }
}

TEST(Schedule, AnEndpointKeepsItsRhythmAndTheOrderOfItsRounds) {
  const Duration interval = milliseconds(100);
  const Fleet fleet = MakeTestFleet(50, interval, interval, 3);
  Schedule schedule(fleet, 0);
  std::map<Index, Emitted> last;
  for (const Emitted& beat : RunSchedule(schedule, seconds(3), kTick, 64)) {
    const auto before = last.find(beat.index);
    if (before != last.end()) {
      EXPECT_EQ(beat.round, before->second.round + 1);
      const Duration most = beat.round == 1 ? 3 * interval : 2 * interval;
      EXPECT_LE(beat.at - before->second.at, most + kTick);
    }
    last[beat.index] = beat;
  }
  EXPECT_EQ(last.size(), fleet.size());
}

TEST(Schedule, FirstRoundIsShuffledOnlyWhereTheTimeoutBearsIt) {
  const auto in_place = [](const Schedule& schedule, Index endpoints) {
    Index count = 0;
    for (Index position = 0; position < endpoints; ++position) {
      count += schedule.IndexAt(0, position) == position ? 1U : 0U;
    }
    return count;
  };
  const Fleet patient = MakeTestFleet(1000, seconds(1), milliseconds(100), 1);
  EXPECT_LT(in_place(Schedule(patient, 0), 1000), 20U);
  Cohort cohort = patient.cohorts()[0];
  cohort.timeout = 2 * cohort.interval;
  const Fleet hasty({cohort}, 1, 1);
  EXPECT_EQ(in_place(Schedule(hasty, 0), 1000), 1000U);
}

TEST(Schedule, AGeneratorThatStalledGivesEverythingAfterwards) {
  const Fleet fleet = MakeTestFleet(100, milliseconds(100), milliseconds(10), 1);
  Schedule smooth(fleet, 0);
  Schedule stalled(fleet, 0);
  const auto by_steps = RunSchedule(smooth, seconds(2), kTick, 64);
  std::vector<std::pair<Index, std::uint32_t>> at_once;
  const Elapsed now = (seconds(2) / kTick) * kTick;
  for (auto beats = stalled.Due(now); !beats.empty(); beats = stalled.Due(now)) {
    for (const Beat& beat : beats) {
      at_once.emplace_back(beat.index, beat.round);
    }
    stalled.Take(beats.size());
  }
  ASSERT_EQ(at_once.size(), by_steps.size());
  for (std::size_t i = 0; i < at_once.size(); ++i) {
    EXPECT_EQ(at_once[i], std::pair(by_steps[i].index, by_steps[i].round));
  }
}

}  // namespace
}  // namespace flatline::generator
