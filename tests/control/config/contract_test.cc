// Against the worked example of the paper, against a simulated path, and at its ends.
#include "control/config/contract.h"

#include <cmath>
#include <cstdint>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;

Contract Of(Duration detection, Duration recurrence, Duration mistake, const Path& path) {
  return {.promise = {.detection = detection, .recurrence = recurrence, .mistake = mistake},
          .path = path};
}

// Section 5.1: 30 s, a mistake a month, of a minute; a loss of 0.01, mean and variance of the delay
// 0.02. Mean delay is no part of ours. The paper's answer: an interval of 9.71 s.
TEST(Contract, AnswersAsThePaperDoes) {
  const Duration detection{30 * kSecond - kSecond / 50};
  const Path path{.loss = 0.01,
                  .jitter = Duration{std::llround(std::sqrt(0.02) * static_cast<double>(kSecond))}};
  const auto interval =
      IntervalFor(Of(detection, Duration{30 * kDay}, Duration{60 * kSecond}, path), std::nullopt);
  ASSERT_TRUE(interval) << interval.error();
  EXPECT_NEAR(static_cast<double>(interval->count()) * 1e-9, 9.71, 0.01);
}

TEST(Contract, TheLongestMistakeBoundsTheInterval) {
  const auto interval = IntervalFor(
      Of(Duration{30 * kSecond}, Duration{kDay}, Duration{kSecond}, {.loss = 0.5, .jitter = {}}),
      std::nullopt);
  ASSERT_TRUE(interval) << interval.error();
  EXPECT_EQ(*interval, Duration{kSecond / 2});
}

TEST(Contract, WithoutJitterAMistakeIsAsManyLosses) {
  // Two more heartbeats leave before the verdict; the third falls with it, and is not in time.
  const Promise quality =
      QualityOf(Duration{kSecond}, Duration{3 * kSecond}, {.loss = 0.1, .jitter = {}});
  EXPECT_EQ(quality.recurrence, Duration{100 * kSecond});
  EXPECT_NEAR(static_cast<double>(quality.mistake.count()), 1e9 / 0.9, 10);
}

TEST(Contract, AGivenIntervalIsKeptOrRefusedWithWhatWouldDo) {
  const Path path{.loss = 0.01, .jitter = Duration{kSecond / 100}};
  const Contract contract = Of(Duration{3 * kSecond}, Duration{kDay}, Duration{5 * kSecond}, path);
  const auto kept = IntervalFor(contract, Duration{kSecond / 10});
  ASSERT_TRUE(kept) << kept.error();
  EXPECT_EQ(*kept, Duration{kSecond / 10});
  const auto refused = IntervalFor(contract, Duration{kSecond});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(),
              HasSubstr("with a loss of 0.01 and a jitter of 10ms heartbeats "
                        "every 1s promise one mistake in"));
  const auto longest = IntervalFor(contract, std::nullopt);
  ASSERT_TRUE(longest) << longest.error();
  EXPECT_TRUE(Keeps(QualityOf(*longest, contract.promise.detection, path), contract.promise));
  EXPECT_FALSE(
      Keeps(QualityOf(*longest * 101 / 100, contract.promise.detection, path), contract.promise));
  // As long as the verdict takes is never in time.
  EXPECT_FALSE(IntervalFor(contract, Duration{3 * kSecond}));
}

TEST(Contract, WhatNoIntervalKeepsIsSaid) {
  const auto hopeless = IntervalFor(Of(Duration{kSecond / 10},
                                       Duration{365 * kDay},
                                       Duration{kSecond},
                                       {.loss = 0.2, .jitter = Duration{kSecond}}),
                                    std::nullopt);
  ASSERT_FALSE(hopeless);
  EXPECT_THAT(hopeless.error(), HasSubstr("no interval keeps the promise"));
  EXPECT_THAT(hopeless.error(), HasSubstr("raise detect_within"));
}

TEST(Contract, EndsSoonWhateverItIsGiven) {
  const Duration day{kDay};
  for (const double loss : {0.0, 0.5, 0.999999, 0.9999999999999999}) {
    for (const Duration jitter : {Duration{}, Duration{1}, Duration{3600 * kSecond}}) {
      const Promise quality = QualityOf(Duration{1'000}, day, {.loss = loss, .jitter = jitter});
      EXPECT_GT(quality.recurrence, Duration{});
      EXPECT_GT(quality.mistake, Duration{});
    }
  }
}

// Deaf to nothing but the path: heartbeats leave each interval, are lost or come late, and a
// verdict falls when the last one in time is older than detection. No more mistakes than promised.
TEST(Contract, ASimulatedPathKeepsIt) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  constexpr double kInterval = 1;
  constexpr double kDetection = 2.5;
  constexpr double kJitter = 0.2;
  constexpr double kLoss = 0.1;
  constexpr int kBeats = 1'000'000;
  std::bernoulli_distribution is_lost(kLoss);
  std::exponential_distribution<double> delay(1 / kJitter);  // its deviation is its mean
  int mistakes = 0;
  double verdict = kDetection;  // put off by each that comes before it
  for (int i = 1; i <= kBeats; ++i) {
    if (is_lost(random)) {
      continue;
    }
    const double sent = i * kInterval;
    const double arrives = sent + delay(random) - kJitter;  // mean delay is no part of it
    mistakes += arrives > verdict ? 1 : 0;
    verdict = sent + kDetection;
  }
  const Promise promised =
      QualityOf(Duration{static_cast<std::int64_t>(kInterval * 1e9)},
                Duration{static_cast<std::int64_t>(kDetection * 1e9)},
                {.loss = kLoss, .jitter = Duration{static_cast<std::int64_t>(kJitter * 1e9)}});
  const double allowed =
      kBeats * kInterval / (static_cast<double>(promised.recurrence.count()) * 1e-9);
  EXPECT_GT(mistakes, 0) << "a path that makes none shows nothing";
  EXPECT_LE(mistakes, allowed);
}

}  // namespace
}  // namespace flatline
