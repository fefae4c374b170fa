// Who is let in and who is turned away, by invented instants.
#include "dataplane/enrolment_limit.h"

#include <cstdint>
#include <random>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::uint64_t kKey = 0x5EED;
constexpr Instant kStart{Duration{1'000'000'000'000}};
constexpr Duration kSecond{1'000'000'000};
constexpr std::uint64_t kMany = 1'000'000;  // free places

SourceAddress Ipv4(std::uint32_t address) {
  SourceAddress out;
  out.ip = {0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0xFF,
            0xFF,
            static_cast<std::uint8_t>(address >> 24),
            static_cast<std::uint8_t>(address >> 16),
            static_cast<std::uint8_t>(address >> 8),
            static_cast<std::uint8_t>(address)};
  return out;
}

// A table of a shard: how many places it has left.
struct Table {
  std::uint64_t free = 0;

  // How many of `tries` get in, from sources drawn anew each time.
  std::uint64_t LetIn(EnrolmentLimit& limit,
                      std::uint64_t tries,
                      Instant now,
                      std::mt19937& random) {
    std::uint64_t out = 0;
    for (; tries != 0; --tries) {
      if (!limit.Take(Ipv4(static_cast<std::uint32_t>(random())), free, now)) {
        ++out;
        --free;
      }
    }
    return out;
  }
};

TEST(EnrolmentLimit, HalfOfWhatIsFreeAtOnceAndAnEmptyTableInItsTime) {
  std::mt19937 random(1);
  EnrolmentLimit limit(EnrolmentLimits::Of(100'000, 1, 10 * kSecond, 0), kKey);
  Table table{.free = 100'000};
  EXPECT_EQ(table.LetIn(limit, 200'000, kStart, random), 50'000U);
  std::uint64_t more = 0;
  for (int ms = 1; ms <= 5'000; ++ms) {
    more += table.LetIn(limit, 100, kStart + Duration{std::int64_t{ms} * 1'000'000}, random);
  }
  EXPECT_EQ(more, 25'000U) << "half of the other half, in half the time";
  for (int ms = 5'001; ms <= 9'999; ++ms) {
    table.LetIn(limit, 100, kStart + Duration{std::int64_t{ms} * 1'000'000}, random);
  }
  EXPECT_GE(table.free, 1U);
  table.LetIn(limit, 100, kStart + 10 * kSecond + Duration{1'000'000}, random);
  EXPECT_LE(table.free, 2U) << "of the last two one at a time";
}

// However full the table is, half of what is left is left after a flood of a moment.
TEST(EnrolmentLimit, OfAFullTableHalfOfTheRest) {
  std::mt19937 random(1);
  EnrolmentLimit limit(EnrolmentLimits::Of(100'000, 1, 10 * kSecond, 0), kKey);
  Table table{.free = 1'000};
  EXPECT_EQ(table.LetIn(limit, 200'000, kStart, random), 500U);
  EXPECT_EQ(table.LetIn(limit, 200'000, kStart + 3600 * kSecond, random), 250U)
      << "long paid off, and again";
  Table last{.free = 1};
  EXPECT_EQ(last.LetIn(limit, 10, kStart + 7200 * kSecond, random), 1U);
  EXPECT_EQ(limit.Take(Ipv4(1), 0, kStart + 7300 * kSecond), DropReason::kTableFull);
}

TEST(EnrolmentLimit, WorkersShareIt) {
  std::mt19937 random(1);
  EnrolmentLimit limit(EnrolmentLimits::Of(100'000, 4, 10 * kSecond, 0), kKey);
  Table table{.free = 25'000};
  EXPECT_EQ(table.LetIn(limit, 100'000, kStart, random), 12'500U);
  std::uint64_t more = 0;
  for (int ms = 1; ms <= 1'000; ++ms) {
    more += table.LetIn(limit, 100, kStart + Duration{std::int64_t{ms} * 1'000'000}, random);
  }
  EXPECT_EQ(more, 1'250U);
}

TEST(EnrolmentLimit, OneAddressDoesNotUseUpTheOthersPlaces) {
  EnrolmentLimit limit(EnrolmentLimits::Of(10'000, 1, 10 * kSecond, 100), kKey);
  std::uint64_t in = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const auto refused = limit.Take(Ipv4(0x0A000001), kMany, kStart);
    ASSERT_TRUE(!refused || *refused == DropReason::kSourceLimit);
    in += refused ? 0 : 1;
  }
  EXPECT_EQ(in, 100U);
  EXPECT_EQ(limit.Take(Ipv4(0x0A000002), kMany, kStart), std::nullopt);
  EXPECT_EQ(limit.Take(Ipv4(0x0A000001), kMany, kStart + kSecond / 10), std::nullopt)
      << "some time later";
}

TEST(EnrolmentLimit, ASourceOfIpv6IsItsNetwork) {
  EnrolmentLimit limit(EnrolmentLimits::Of(10'000, 1, 10 * kSecond, 10), kKey);
  SourceAddress source;
  source.ip[0] = 0xFD;
  std::uint64_t in = 0;
  for (std::uint8_t i = 0; i < 100; ++i) {
    source.ip[15] = i;
    in += limit.Take(source, kMany, kStart) ? 0 : 1;
  }
  EXPECT_EQ(in, 10U);
  source.ip[7] = 1;
  EXPECT_EQ(limit.Take(source, kMany, kStart), std::nullopt) << "another network";
}

TEST(EnrolmentLimit, ZeroIsNoLimit) {
  EnrolmentLimit limit(EnrolmentLimits::Of(100, 1, Duration{}, 0), kKey);
  EnrolmentLimit by_default(EnrolmentLimits{}, kKey);
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(limit.Take(Ipv4(1), kMany, kStart), std::nullopt);
    ASSERT_EQ(by_default.Take(Ipv4(1), kMany, kStart), std::nullopt);
  }
}

TEST(EnrolmentLimit, LargestNumbersDoNotOverflow) {
  EnrolmentLimit limit(
      EnrolmentLimits::Of(2'000'000'000, 1, Duration{86'400'000'000'000}, 0xFFFFFFFFU), kKey);
  EXPECT_EQ(limit.Take(Ipv4(1), kMany, Instant{}), std::nullopt) << "a clock that has just begun";
  EXPECT_EQ(limit.Take(Ipv4(1), kMany, kStart), std::nullopt);
}

}  // namespace
}  // namespace flatline
