// How evidence shortens a confirmation: the vectors of Lifeguard's own tests, and the bounds.
#include <flatline/confirmation.h>

#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Duration Seconds(std::int64_t seconds) {
  return Milliseconds(seconds * 1'000);
}

struct Vector {
  int witnesses;
  int of;
  std::int64_t elapsed_s;
  double left_s;
};

TEST(Confirmation, IsWhatLifeguardReckons) {
  for (const Vector& vector : {Vector{0, 3, 0, 30},
                               Vector{1, 3, 2, 14},
                               Vector{2, 3, 3, 4.810},
                               Vector{3, 3, 4, -2},
                               Vector{4, 3, 5, -3},
                               Vector{5, 3, 10, -8}}) {
    const Duration all = ConfirmationBy(vector.witnesses, vector.of, Seconds(2), Seconds(30));
    const double left = static_cast<double>((all - Seconds(vector.elapsed_s)).count()) / 1e9;
    EXPECT_NEAR(left, vector.left_s, 0.001) << vector.witnesses << " of " << vector.of;
  }
}

TEST(Confirmation, NeverGrowsWithEvidenceAndKeepsItsBounds) {
  for (int of = 1; of <= 10; ++of) {
    Duration before = Seconds(30);
    for (int witnesses = 0; witnesses <= of + 2; ++witnesses) {
      const Duration now = ConfirmationBy(witnesses, of, Seconds(2), Seconds(30));
      EXPECT_LE(now, before);
      EXPECT_GE(now, Seconds(2));
      before = now;
    }
    EXPECT_EQ(ConfirmationBy(0, of, Seconds(2), Seconds(30)), Seconds(30));
    EXPECT_EQ(ConfirmationBy(of, of, Seconds(2), Seconds(30)), Seconds(2)) << "all of them";
  }
}

TEST(Confirmation, IsWholeWhereTheProfileSaysNothingOfEvidence) {
  Profile profile = MakeProfile("p", Seconds(1), 3, Seconds(10));
  EXPECT_FALSE(IsShortened(profile));
  EXPECT_EQ(ConfirmationBy(3, profile), Seconds(10));
  profile.least_confirmation = Seconds(10);
  EXPECT_FALSE(IsShortened(profile));
  profile.least_confirmation = Seconds(1);
  EXPECT_TRUE(IsShortened(profile));
  EXPECT_EQ(WitnessesOf(profile), 2) << "nobody asks it";
  EXPECT_EQ(ConfirmationBy(2, profile), Seconds(1));
  profile.probe = ProbeKind::kEcho;
  profile.probes = 3;
  EXPECT_EQ(WitnessesOf(profile), 3);
  EXPECT_EQ(ConfirmationBy(1, profile), Milliseconds(5'500)) << "half of what can be";
}

TEST(Evidence, IsABitForEachWitness) {
  EXPECT_EQ(WitnessesIn(0), 0);
  EXPECT_EQ(WitnessesIn(kHealthFailing), 1);
  EXPECT_EQ(WitnessesIn(kProbesUnanswered | kHealthFailing | kGroupFalling), kMostWitnesses);
}

}  // namespace
}  // namespace flatline
