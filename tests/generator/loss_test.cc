#include "bench/generator/loss.h"

#include <cmath>

#include <gtest/gtest.h>

namespace flatline::generator {
namespace {

using std::chrono::seconds;

constexpr Index kEndpoints = 1000;
constexpr std::uint32_t kRounds = 200;

Fleet MakeTestFleet(std::uint64_t seed) {
  Cohort cohort;
  cohort.endpoints = kEndpoints;
  cohort.interval = seconds(1);
  return Fleet({cohort}, 10, seed);
}

double LossRate(Losses& losses) {
  losses.Advance(seconds(1));
  std::uint64_t eaten = 0;
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    for (Index index = 0; index < kEndpoints; ++index) {
      eaten += losses.Eats(index, round) ? 1 : 0;
    }
  }
  return static_cast<double>(eaten) / (double{kEndpoints} * kRounds);
}

Loss Always(LossModel model) {
  Loss loss;
  loss.model = model;
  loss.until = Elapsed::max();
  return loss;
}

TEST(Losses, BernoulliEatsItsRate) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    for (const double rate : {0.0, 0.01, 0.5, 1.0}) {
      Loss loss = Always(LossModel::kBernoulli);
      loss.rate = rate;
      Losses losses({loss}, MakeTestFleet(seed));
      // Five standard deviations of so many draws.
      EXPECT_NEAR(LossRate(losses), rate, 5 * std::sqrt(rate * (1 - rate) / 200'000) + 1e-12);
    }
  }
}

TEST(Losses, GilbertElliottEatsItsStationaryRateInBursts) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Loss loss = Always(LossModel::kGilbertElliott);
    loss.to_bad = 0.02;
    loss.to_good = 0.25;
    loss.good = 0.0;
    loss.bad = 1.0;
    Losses losses({loss}, MakeTestFleet(seed));
    losses.Advance(seconds(1));
    std::uint64_t eaten = 0;
    std::uint64_t bursts = 0;
    for (Index index = 0; index < kEndpoints; ++index) {
      bool before = false;
      for (std::uint32_t round = 0; round < kRounds; ++round) {
        const bool now = losses.Eats(index, round);
        eaten += now ? 1 : 0;
        bursts += now && !before ? 1 : 0;
        before = now;
      }
    }
    const double rate = static_cast<double>(eaten) / (double{kEndpoints} * kRounds);
    EXPECT_NEAR(rate, 0.02 / 0.27, 0.005);  // the stationary share of the bad state
    const double length = static_cast<double>(eaten) / static_cast<double>(bursts);
    EXPECT_NEAR(length, 4.0, 0.3);  // 1 / to_good
  }
}

TEST(Losses, ACutTakesItsRackForItsTimeAndNobodyElse) {
  Loss loss;
  loss.model = LossModel::kCut;
  loss.who.by = Selector::By::kRacks;
  loss.who.ranges = {{3, 4}};
  loss.from = seconds(10);
  loss.until = seconds(20);
  const Fleet fleet = MakeTestFleet(1);
  Losses losses({loss}, fleet);
  for (const auto& [at, in_force] : {std::pair{seconds(9), false},
                                     {seconds(10), true},
                                     {seconds(19), true},
                                     {seconds(20), false}}) {
    losses.Advance(at);
    for (Index index = 0; index < 20; ++index) {
      const Rack rack = fleet.RackOf(index);
      EXPECT_EQ(losses.Eats(index, 1), in_force && (rack == 3 || rack == 4));
    }
  }
}

TEST(Losses, OneThatFlipsIsThereEverySecondTime) {
  Loss loss = Always(LossModel::kCut);
  loss.from = seconds(5);
  loss.flips = seconds(20);
  Losses losses({loss}, MakeTestFleet(1));
  for (const auto& [at, in_force] : {std::pair{seconds(4), false},
                                     {seconds(5), true},
                                     {seconds(24), true},
                                     {seconds(25), false},
                                     {seconds(44), false},
                                     {seconds(45), true}}) {
    losses.Advance(at);
    EXPECT_EQ(losses.Eats(3, 1), in_force) << at.count();
  }
}

TEST(Losses, TheSameSeedGivesTheSameLosses) {
  Loss loss = Always(LossModel::kBernoulli);
  loss.rate = 0.3;
  loss.who.by = Selector::By::kShare;
  loss.who.share = 0.5;
  Losses a({loss}, MakeTestFleet(7));
  Losses b({loss}, MakeTestFleet(7));
  Losses c({loss}, MakeTestFleet(8));
  int differences = 0;
  for (Losses* losses : {&a, &b, &c}) {
    losses->Advance(seconds(0));
  }
  for (Index index = 0; index < kEndpoints; ++index) {
    const bool eaten = a.Eats(index, 1);
    EXPECT_EQ(eaten, b.Eats(index, 1));
    differences += eaten != c.Eats(index, 1) ? 1 : 0;
  }
  EXPECT_GT(differences, 100);
  EXPECT_NEAR(LossRate(a), 0.15, 0.02);
}

}  // namespace
}  // namespace flatline::generator
