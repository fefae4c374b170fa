// The arithmetic of flap damping: RFC 2439's own sample (section 4.2: half-life 5 minutes, cut-off
// 1.25, reuse 0.5, suppressed for 15 minutes at most; in thousandths here), and its bounds.
#include <flatline/flapping.h>
#include <flatline/profile.h>

#include <cstdint>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Duration Minutes(std::int64_t minutes) {
  return Milliseconds(minutes * 60'000);
}

constexpr FlapSettings kSample{.death_penalty = 1'000,
                               .revival_penalty = 0,
                               .suppress = 1'250,
                               .reuse = 500,
                               .half_life = Minutes(5),
                               .longest = Minutes(15)};

TEST(Flapping, HasTheCeilingOfTheSample) {
  EXPECT_DOUBLE_EQ(FlapCeiling(kSample), 4'000) << "0.5 × 2^(15/5)";
  EXPECT_DOUBLE_EQ(Raised(3'500, 1'000, kSample), 4'000);
  EXPECT_DOUBLE_EQ(Raised(1'000, 1'000, kSample), 2'000);
}

TEST(Flapping, DecaysByHalfInEachHalfLife) {
  EXPECT_DOUBLE_EQ(Decayed(1'000, Minutes(0), kSample), 1'000);
  EXPECT_DOUBLE_EQ(Decayed(1'000, Minutes(5), kSample), 500);
  EXPECT_DOUBLE_EQ(Decayed(1'000, Minutes(10), kSample), 250);
  EXPECT_NEAR(Decayed(1'000, Minutes(1), kSample), 870.551, 0.001) << "2^(-1/5)";
  EXPECT_DOUBLE_EQ(Decayed(1'000, -Minutes(5), kSample), 1'000) << "a clock that went back";
}

// One flap is not enough, two within the minute are; from there to reuse it takes 9.52 minutes.
TEST(Flapping, SuppressesTheSecondFlapOfTheSample) {
  const double first = Raised(0, 1'000, kSample);
  EXPECT_LE(first, kSample.suppress);
  const double second = Raised(Decayed(first, Minutes(1), kSample), 1'000, kSample);
  EXPECT_GT(second, kSample.suppress);
  const Duration quiet = TimeToDecay(second, kSample.reuse, kSample);
  EXPECT_NEAR(static_cast<double>(quiet.count()) / 60e9, 9.517, 0.001) << "5 · log2(1870.55/500)";
  EXPECT_NEAR(Decayed(second, quiet, kSample), 500, 0.001);
}

TEST(Flapping, NobodyIsSuppressedForLongerThanTheLongestOnceHeIsQuiet) {
  double penalty = 0;
  for (int flap = 0; flap < 1'000; ++flap) {
    penalty = Raised(penalty, 1'000, kSample);
  }
  EXPECT_EQ(TimeToDecay(penalty, kSample.reuse, kSample), Minutes(15));
  EXPECT_EQ(TimeToDecay(500, 500, kSample), Duration{0});
  EXPECT_EQ(TimeToDecay(0, 500, kSample), Duration{0});
}

TEST(Flapping, IsOffWhereNoFlapCostsAnything) {
  EXPECT_FALSE(FlapSettings{}.damps());
  EXPECT_TRUE(kSample.damps());
}

}  // namespace
}  // namespace flatline
