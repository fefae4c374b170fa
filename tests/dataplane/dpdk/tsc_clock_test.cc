#include "dataplane/dpdk/tsc_clock.h"

#include <chrono>

#include <gtest/gtest.h>

namespace flatline::dpdk {
namespace {

constexpr Instant At(std::int64_t ns) {
  return Instant{Duration{ns}};
}

// A counter of 3 GHz beside a clock in nanoseconds.
constexpr ClockSample Sample(std::int64_t ns) {
  return {.ticks = 1'000 + static_cast<std::uint64_t>(ns) * 3, .at = At(ns)};
}

TEST(TickScaleTest, KnowsTheRateAfterTwoSamples) {
  TickScale scale(Sample(0));
  scale.Anchor(Sample(2'000'000));
  EXPECT_NEAR(static_cast<double>(scale.At(Sample(7'000'000).ticks).time_since_epoch().count()),
              7'000'000,
              2);
  EXPECT_NEAR(static_cast<double>(scale.TicksIn(Duration{1'000'000})), 3'000'000, 2);
}

TEST(TickScaleTest, ANoisySampleBendsTheRateLittle) {
  TickScale scale(Sample(0));
  for (std::int64_t ms = 5; ms <= 3'000; ms += 5) {
    ClockSample sample = Sample(ms * 1'000'000);
    sample.at += Duration{ms % 2 == 0 ? 400 : -400};  // ns
    scale.Anchor(sample);
  }
  // 5 ms on from the last: the anchor's own noise, and of the rate's next to nothing
  const Instant read = scale.At(Sample(3'005'000'000).ticks);
  EXPECT_NEAR(static_cast<double>(read.time_since_epoch().count()), 3'005'000'000, 420);
}

TEST(TickScaleTest, FollowsARateThatDrifts) {
  TickScale scale(Sample(0));
  // from one second on the kernel's clock runs 200 ppm faster against the counter
  std::int64_t ns = 0;
  for (std::int64_t ms = 5; ms <= 5'000; ms += 5) {
    ns += ms <= 1'000 ? 5'000'000 : 5'001'000;
    scale.Anchor({.ticks = Sample(ms * 1'000'000).ticks, .at = At(ns)});
  }
  const Instant read = scale.At(Sample(5'005'000'000).ticks);
  EXPECT_NEAR(
      static_cast<double>(read.time_since_epoch().count()), static_cast<double>(ns + 5'001'000), 5);
}

TEST(TickScaleTest, ASampleFromThePastChangesNothing) {
  TickScale scale(Sample(0));
  scale.Anchor(Sample(2'000'000));
  scale.Anchor(Sample(1'000'000));
  EXPECT_EQ(scale.anchored_at(), Sample(2'000'000).ticks);
}

Instant KernelNow() {
  return Instant{std::chrono::steady_clock::now().time_since_epoch()};
}

TEST(TscClockTest, StaysBesideTheKernelsClockAndNeverGoesBack) {
  TscClock clock;
  Instant last = clock.Now();
  const Instant until = KernelNow() + Duration{300'000'000};
  while (last < until) {
    const Instant before = KernelNow();
    const Instant now = clock.Now();
    const Instant after = KernelNow();
    ASSERT_GE(now, last);
    ASSERT_GE(now, before - Duration{5'000});
    ASSERT_LE(now, after + Duration{5'000});
    last = now;
  }
}

}  // namespace
}  // namespace flatline::dpdk
