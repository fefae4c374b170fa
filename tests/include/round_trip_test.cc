// A round trip in one byte.
#include <flatline/profile.h>
#include <flatline/round_trip.h>

#include <gtest/gtest.h>

namespace flatline {
namespace {

TEST(RoundTrip, IsRoundedUpAndKeepsTheLongestOfLate) {
  EXPECT_EQ(RoundTripOf(0), Duration{0});
  EXPECT_EQ(RoundTripOf(CodeOfRoundTrip(Duration{1})), Duration{1000});
  for (std::int64_t ns = 1000; ns < 3'000'000'000'000; ns += ns / 3) {
    const Duration kept = RoundTripOf(CodeOfRoundTrip(Duration{ns}));
    EXPECT_GE(kept, Duration{ns - ns / 1000});
    EXPECT_LE(kept, Duration{ns + ns / 10});
  }
  EXPECT_EQ(CodeOfRoundTrip(Duration::max()), kLongestRoundTrip);
  const std::uint8_t code = CodeOfRoundTrip(Milliseconds(10));
  EXPECT_EQ(NextRoundTrip(0, Milliseconds(10)), code);
  EXPECT_EQ(NextRoundTrip(code, Milliseconds(1)), code - 1);
  EXPECT_EQ(NextRoundTrip(1, Milliseconds(10)), code);
}

}  // namespace
}  // namespace flatline
