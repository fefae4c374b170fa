// The level of suspicion against the vectors that other implementations are held to.
#include <flatline/suspicion.h>
#include <flatline/suspicion_record.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

double Cdf(double elapsed, double mean, double deviation) {
  return 1 - std::pow(10.0, -Phi(elapsed, mean, deviation));
}

TEST(Suspicion, IsTheNormalDistributionOfTheGaps) {
  struct Case {
    double elapsed, mean, deviation, expected;
  };

  for (const Case& it : std::vector<Case>{{0, 0, 10, .5},
                                          {6, 0, 10, .7257},
                                          {15, 0, 10, .9332},
                                          {20, 0, 10, .97725},
                                          {25, 0, 10, .99379},
                                          {35, 0, 10, .99977},
                                          {40, 0, 10, .99997},
                                          {22, 20, 3, .7475}}) {
    EXPECT_NEAR(Cdf(it.elapsed, it.mean, it.deviation), it.expected, .001) << it.elapsed;
  }
}

TEST(Suspicion, RisesAsOthersHaveIt) {
  EXPECT_NEAR(Phi(10, 0, 1), 38, 1);
  EXPECT_NEAR(Phi(-25, 0, 1), 0, 1e-9);

  struct Case {
    double elapsed, expected;
  };

  for (const Case& it : std::vector<Case>{
           {500, .1}, {1000, .3}, {1200, 1.6}, {1400, 4.7}, {1600, 10.8}, {1700, 15.3}}) {
    EXPECT_NEAR(Phi(it.elapsed, 1000, 100), it.expected, .1) << it.elapsed;
  }
}

TEST(Suspicion, StaysANumberHoweverLongTheSilence) {
  EXPECT_GT(Phi(1e9, 1, 1), 1e20);
  EXPECT_TRUE(std::isfinite(Phi(1e9, 1, 1)));
  EXPECT_GE(Phi(-1e9, 1, 1), 0);
}

TEST(Suspicion, TheQuantileIsWhereTheLevelIsReached) {
  for (const double level : {.31, 1., 3., 8., 16., 100., 1000.}) {
    EXPECT_NEAR(Phi(PhiQuantile(level), 0, 1), level, level * 1e-9) << level;
  }
}

TEST(Suspicion, IsByThePromiseBeforeThereIsAHistory) {
  const Profile profile = MakeProfile("x", Milliseconds(1000), 3, Milliseconds(1000));
  EXPECT_NEAR(SuspicionLevel(profile, {}, Milliseconds(1000)), .301, .01);
  EXPECT_NEAR(SuspicionLevel(profile, {}, Milliseconds(1500)), Phi(2, 0, 1), .01)
      << "a quarter of the interval is one deviation";
}

TEST(Suspicion, IsByTheHistoryWhateverTheDetector) {
  const Profile profile = MakeProfile("x", Milliseconds(1000), 3, Milliseconds(1000));
  Arrival arrival{.interval = 15'259, .variance = 0, .lead = 0, .count = 50};
  EXPECT_NEAR(SuspicionLevel(profile, arrival, Milliseconds(1000)), .301, .01);
  EXPECT_NEAR(SuspicionLevel(profile, arrival, Milliseconds(1600)), 10.8, .1)
      << "no steadier than a tenth of the interval";
  arrival.variance = 1e8;
  EXPECT_LT(SuspicionLevel(profile, arrival, Milliseconds(1600)), 2);
}

// By which a subscriber finds out for itself when its threshold is reached.
TEST(Suspicion, AScaleOnTheWireGivesTheSilenceThatReachesALevel) {
  Profile profile = MakeProfile("x", Milliseconds(1000), 3, Milliseconds(1000));
  profile.detector = DetectorKind::kPhi;
  profile.allowance = Milliseconds(70);
  for (const Arrival& arrival :
       std::vector<Arrival>{{},
                            {.interval = 15'259, .variance = 0, .lead = 0, .count = 50},
                            {.interval = 3'000, .variance = 4e6, .lead = 0, .count = 127}}) {
    DeliveryRecord record;
    record.endpoint = 77;
    WriteScale(ScaleOf(profile, arrival), record);
    EXPECT_EQ(record.endpoint, 77U) << "it stands between the two";
    const SuspicionScale scale = ReadScale(record);
    for (const double level : {1., 8., 12., 100.}) {
      const double silence = SilenceAt(scale, PhiQuantile(level));
      EXPECT_NEAR(SuspicionLevel(profile, arrival, Duration{static_cast<std::int64_t>(silence)}),
                  level,
                  level * 1e-5);
    }
  }
}

}  // namespace
}  // namespace flatline
