// The union of blind intervals, against a row of flags with one flag a nanosecond.
#include "dataplane/blind_intervals.h"

#include <flatline/time.h>

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <random>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Instant At(std::int64_t ns) {
  return Instant{Duration{ns}};
}

TEST(BlindIntervals, CountsAnIntervalOnce) {
  BlindIntervals blind;
  EXPECT_EQ(blind.Add(At(10), At(20)).length, Duration{10});
  EXPECT_EQ(blind.Add(At(10), At(20)).length, Duration{0});
  EXPECT_EQ(blind.Add(At(12), At(18)).length, Duration{0});
  EXPECT_EQ(blind.Add(At(15), At(30)).length, Duration{10});
}

TEST(BlindIntervals, CountsAnEarlierIntervalThatIsReportedLater) {
  BlindIntervals blind;
  EXPECT_EQ(blind.Add(At(20), At(40)).length, Duration{20});
  const BlindIntervals::Added added = blind.Add(At(5), At(30));
  EXPECT_EQ(added.length, Duration{15});
  EXPECT_EQ(added.from, At(5));
  EXPECT_EQ(added.to, At(20));
}

TEST(BlindIntervals, NamesTheEndsOfWhatIsNew) {
  BlindIntervals blind;
  blind.Add(At(10), At(20));
  blind.Add(At(30), At(40));
  const BlindIntervals::Added added = blind.Add(At(15), At(45));
  EXPECT_EQ(added.length, Duration{15});
  EXPECT_EQ(added.from, At(20));
  EXPECT_EQ(added.to, At(45));
}

TEST(BlindIntervals, TakesNothingFromAnEmptyOrReversedReport) {
  BlindIntervals blind;
  EXPECT_EQ(blind.Add(At(10), At(10)).length, Duration{0});
  EXPECT_EQ(blind.Add(At(10), At(5)).length, Duration{0});
}

TEST(BlindIntervals, IsTheUnionOfWhateverIsReportedInWhateverOrder) {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    std::bitset<1200> model;
    BlindIntervals blind;
    // At most 40 reports, so that nothing is forgotten and the model holds exactly.
    for (int i = 0; i < 40; ++i) {
      const auto from = static_cast<std::int64_t>(random() % 1000);
      const auto to = from + static_cast<std::int64_t>(random() % 200);
      std::int64_t fresh = 0;
      std::int64_t first = to;
      std::int64_t last = from;
      for (std::int64_t t = from; t < to; ++t) {
        if (!model[static_cast<std::size_t>(t)]) {
          model.set(static_cast<std::size_t>(t));
          ++fresh;
          first = std::min(first, t);
          last = t + 1;
        }
      }
      const BlindIntervals::Added added = blind.Add(At(from), At(to));
      ASSERT_EQ(added.length.count(), fresh) << "seed " << seed << " report " << i;
      if (fresh > 0) {
        ASSERT_EQ(added.from, At(first)) << "seed " << seed << " report " << i;
        ASSERT_EQ(added.to, At(last)) << "seed " << seed << " report " << i;
      }
    }
  }
}

TEST(BlindIntervals, NeverCountsLessThanTheUnionWhenItForgets) {
  std::mt19937 random(7);
  BlindIntervals blind;
  std::int64_t counted = 0;
  std::int64_t truth = 0;
  for (std::int64_t i = 0; i < 1000; ++i) {  // far more islands than it can hold
    const std::int64_t from = i * 10;
    counted += blind.Add(At(from), At(from + 5)).length.count();
    truth += 5;
    if (random() % 4 == 0) {  // the same again, some of it long forgotten
      const auto again = static_cast<std::int64_t>(random() % (static_cast<std::uint64_t>(i) + 1));
      counted += blind.Add(At(again * 10), At(again * 10 + 5)).length.count();
    }
    ASSERT_GE(counted, truth);
  }
  EXPECT_EQ(blind.Add(At(9990), At(9995)).length, Duration{0}) << "the latest are remembered";
}

}  // namespace
}  // namespace flatline
