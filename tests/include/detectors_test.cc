// What each detector allows: its formula, its bounds, and that phi's deadline is the instant at
// which its level of suspicion reaches the threshold.
#include <flatline/detectors.h>

#include <bit>
#include <cstdint>
#include <iostream>
#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr double kUnitMs = 0.065536;

Profile Of(DetectorKind kind) {
  Profile out = MakeProfile("x", Milliseconds(1000), 3, Milliseconds(1000));
  out.detector = kind;
  out.threshold = 8;
  out.deviations = 4;
  out.allowance = Milliseconds(500);
  out.timeout = Milliseconds(20'000);
  return out;
}

// Times in milliseconds.
Arrival History(double mean, double deviation, double lead = 0, std::uint32_t count = 100) {
  const auto units = [](double ms) { return static_cast<float>(ms / kUnitMs); };
  return Arrival::Unpack(Arrival{.interval = units(mean),
                                 .variance = units(deviation) * units(deviation),
                                 .lead = units(lead),
                                 .count = count}
                             .Pack());
}

double Allowed(const Profile& profile, const Arrival& arrival) {
  return AllowedSilence(RuleOf(profile), arrival) * kUnitMs;
}

TEST(Detectors, FixedKnowsNoHistory) {
  const Profile profile = MakeProfile("x", Milliseconds(1000), 3, Milliseconds(1000));
  const SilenceRule rule = RuleOf(profile);
  EXPECT_TRUE(rule.is_constant());
  EXPECT_EQ(rule.least, StampUnits(Milliseconds(3000)));
  EXPECT_EQ(AllowedSilence(rule, History(5000, 2000)), rule.least);
}

TEST(Detectors, PhiIsPauseAndMeanAndQuantileOfDeviations) {
  const Profile profile = Of(DetectorKind::kPhi);
  const double z = PhiQuantile(8);
  EXPECT_NEAR(z, 5.2, .1);
  EXPECT_NEAR(Allowed(profile, History(1000, 300)), 500 + 1000 + z * 300, 1);
  EXPECT_NEAR(Allowed(profile, History(1200, 200)), 500 + 1200 + z * 200, 1);
  EXPECT_NEAR(Allowed(profile, History(1000, 5)), 500 + 1000 + z * 100, 1) << "least deviation";
  EXPECT_NEAR(Allowed(profile, History(1000, 5, 0, 7)), 500 + 1000 + z * 250, 1) << "young";
  EXPECT_NEAR(Allowed(profile, {}), 500 + 1000 + z * 250, 1) << "none yet";
}

TEST(Detectors, PhisDeadlineIsWhereTheLevelReachesTheThreshold) {
  const Profile profile = Of(DetectorKind::kPhi);
  for (const double deviation : {150., 400., 900.}) {
    for (const double mean : {1000., 1100., 3000.}) {
      const Arrival arrival = History(mean, deviation);
      const Duration silence = AllowedSilence(RuleOf(profile), arrival) * kStampUnit;
      EXPECT_GE(SuspicionLevel(profile, arrival, silence), 7.999) << mean << ' ' << deviation;
      EXPECT_LT(SuspicionLevel(profile, arrival, silence - 2 * kStampUnit), 8) << mean;
    }
  }
}

TEST(Detectors, ChenIsTheExpectedArrivalAndItsMargin) {
  Profile profile = Of(DetectorKind::kChen);
  EXPECT_NEAR(Allowed(profile, History(1000, 100)), 1000 + 500 + 4 * 100, 1);
  EXPECT_NEAR(Allowed(profile, History(1000, 100, 128)), 1128 + 500 + 400, 8) << "came early";
  EXPECT_NEAR(Allowed(profile, History(1000, 100, -128)), 872 + 500 + 400, 8) << "came late";
  profile.deviations = 0;
  EXPECT_NEAR(Allowed(profile, History(1000, 100)), 1500, 1) << "as Chen has it";
  EXPECT_NEAR(Allowed(profile, History(1000, 0, -1000)), 1000, 1) << "the least";
}

TEST(Detectors, LearntIsSoManyOfItsOwnIntervals) {
  Profile profile = Of(DetectorKind::kLearnt);
  profile.threshold = 3;
  EXPECT_NEAR(Allowed(profile, History(5000, 900)), 15'000, 1) << "slower than promised";
  EXPECT_NEAR(Allowed(profile, History(400, 100)), 1200, 1) << "faster";
  EXPECT_NEAR(Allowed(profile, History(10, 1)), 300, 1) << "no more than ten times as fast";
  EXPECT_NEAR(Allowed(profile, History(400, 100, 0, kYoungHistory - 1)), 20'000, 1)
      << "not known yet";
  EXPECT_NEAR(Allowed(profile, History(400, 100, 0, kYoungHistory)), 1200, 1);
}

TEST(Detectors, NothingIsHeldForLongerThanTheProfileSays) {
  for (const DetectorKind kind : {DetectorKind::kPhi, DetectorKind::kChen, DetectorKind::kLearnt}) {
    EXPECT_EQ(AllowedSilence(RuleOf(Of(kind)),
                             History(kind == DetectorKind::kLearnt ? 9000 : 1000, 90'000)),
              StampUnits(Milliseconds(20'000)));
  }
}

// The wheel relies on it: whatever is in a record, damaged ones included.
TEST(Detectors, EveryHistoryStaysWithinTheBounds) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200'000; ++i) {
    Profile profile = Of(static_cast<DetectorKind>(i % 4));
    profile.interval = Milliseconds(static_cast<std::int64_t>(1 + random() % 5000));
    profile.allowance = Milliseconds(static_cast<std::int64_t>(random() % 9000));
    profile.threshold = static_cast<std::uint32_t>(1 + random() % 1000);
    const SilenceRule rule = RuleOf(profile);
    const std::uint32_t allowed = AllowedSilence(rule, Arrival::Unpack(random()));
    ASSERT_LE(rule.least, rule.most) << "seed " << seed;
    ASSERT_GE(allowed, rule.least) << "seed " << seed;
    ASSERT_LE(allowed, rule.most) << "seed " << seed;
    ASSERT_LE(rule.most, StampUnits(kMostTimeout)) << "seed " << seed;
  }
  const float none = std::numeric_limits<float>::quiet_NaN();
  const SilenceRule rule = RuleOf(Of(DetectorKind::kPhi));
  EXPECT_EQ(AllowedSilence(rule, {.interval = none, .variance = none, .lead = 0, .count = 99}),
            rule.least);
}

}  // namespace
}  // namespace flatline
