#include "bench/generator/delay.h"

#include <gtest/gtest.h>

namespace flatline::generator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Delays, AStepIsThereAtOnceAndDrainsAsFastAsTimePasses) {
  const Delay step{.by = seconds(2), .from = seconds(10), .until = seconds(20)};
  EXPECT_EQ(AddedBy(step, seconds(10) - Elapsed{1}), Elapsed{});
  EXPECT_EQ(AddedBy(step, seconds(10)), seconds(2));
  EXPECT_EQ(AddedBy(step, seconds(20) - Elapsed{1}), seconds(2));
  EXPECT_EQ(AddedBy(step, milliseconds(20'500)), milliseconds(1'500));
  EXPECT_EQ(AddedBy(step, seconds(22)), Elapsed{});
  EXPECT_EQ(AddedBy(step, seconds(30)), Elapsed{});
}

TEST(Delays, ADriftGrows) {
  const Delay drift{
      .by = seconds(1), .ramp = seconds(100), .from = seconds(0), .until = Elapsed::max()};
  EXPECT_EQ(AddedBy(drift, seconds(0)), Elapsed{});
  EXPECT_EQ(AddedBy(drift, seconds(50)), milliseconds(500));
  EXPECT_EQ(AddedBy(drift, seconds(100)), seconds(1));
  EXPECT_EQ(AddedBy(drift, seconds(1'000)), seconds(1));
}

TEST(Delays, NoneOvertakesAnother) {
  Cohort cohort;
  cohort.endpoints = 10;
  cohort.interval = seconds(1);
  const Fleet fleet({cohort}, 10, 1);
  Delay step{.by = seconds(3), .from = seconds(2), .until = seconds(7)};
  Delay drift{.by = seconds(2), .ramp = seconds(5), .from = seconds(1), .until = seconds(9)};
  drift.who.by = Selector::By::kRacks;
  drift.who.ranges = {{3, 3}};
  const Delays delays({step, drift}, fleet);
  for (const Index index : {Index{0}, Index{2}}) {
    Elapsed last{};
    for (Elapsed at{}; at < seconds(15); at += milliseconds(1)) {
      const Elapsed arrives = at + delays.Of(index, at);
      ASSERT_GE(arrives, last) << "sent at " << at.count();
      last = arrives;
    }
  }
  EXPECT_EQ(delays.Of(2, milliseconds(9'000)), seconds(2)) << "of several, the longest";
  EXPECT_EQ(delays.Of(0, milliseconds(9'000)), seconds(1)) << "the drift concerns rack 3 alone";
}

}  // namespace
}  // namespace flatline::generator
