// The merge of several rings: order, patience with a worker that lags, what a repeated read gives,
// a ring that cannot be.
#include "control/region/transition_reader.h"

#include "tests/control/invented_region.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kAll = 1000;

Instant At(std::int64_t ns) {
  return Instant{Duration{ns}};
}

std::vector<EndpointId> Read(TransitionReader& reader, Instant now, std::size_t limit = kAll) {
  std::vector<EndpointId> out;
  const auto told = reader.Read(now, limit);
  EXPECT_TRUE(told);
  for (const Told& one : *told) {
    out.push_back(one.transition.id);
  }
  return out;
}

TEST(TransitionReader, MergesByInstant) {
  InventedRegion region({.workers = 3});
  TransitionReader reader(region.view());
  ASSERT_TRUE(region.PushDeath(2, 10, 100) && region.PushDeath(0, 11, 101) &&
              region.PushDeath(2, 12, 102) && region.PushDeath(1, 13, 103));
  for (unsigned worker = 0; worker < 3; ++worker) {
    region.Published(worker, 1000);
  }
  EXPECT_THAT(Read(reader, At(1000)), ElementsAre(10, 11, 12, 13));
}

TEST(TransitionReader, WaitsForAWorkerThatMayComeWithSomethingOlder) {
  InventedRegion region({.workers = 2});
  TransitionReader reader(region.view());
  ASSERT_TRUE(region.PushDeath(0, 1, 100) && region.PushDeath(0, 2, 200));
  region.Published(0, 300);
  region.Published(1, 150);
  EXPECT_THAT(Read(reader, At(300)), ElementsAre(1));
  ASSERT_TRUE(region.PushDeath(1, 3, 160));
  region.Published(1, 250);
  EXPECT_THAT(Read(reader, At(300)), ElementsAre(1, 3, 2)) << "nothing was released";
}

TEST(TransitionReader, WaitsTenMillisecondsAtMost) {
  InventedRegion region({.workers = 2});
  TransitionReader reader(region.view());
  ASSERT_TRUE(region.PushDeath(0, 1, 1'000'000));
  EXPECT_THAT(Read(reader, At(10'999'999)), IsEmpty());
  EXPECT_THAT(Read(reader, At(11'000'000)), ElementsAre(1));
}

TEST(TransitionReader, OneWorkerIsWaitedForByNobody) {
  InventedRegion region({});
  TransitionReader reader(region.view());
  ASSERT_TRUE(region.PushDeath(0, 1, 500));
  EXPECT_THAT(Read(reader, At(500)), ElementsAre(1));
}

TEST(TransitionReader, KeepsTheOrderWithinARing) {
  InventedRegion region({.workers = 2});
  TransitionReader reader(region.view());
  // A blind interval ends before the transition that was told ahead of it.
  ASSERT_TRUE(region.PushDeath(0, 1, 200) && region.PushDeath(0, 2, 100) &&
              region.PushDeath(1, 3, 150));
  region.Published(0, 1000);
  region.Published(1, 1000);
  EXPECT_THAT(Read(reader, At(1000)), ElementsAre(3, 1, 2));
}

TEST(TransitionReader, GivesTheSameUntilReleased) {
  InventedRegion region({.workers = 2});
  TransitionReader reader(region.view());
  ASSERT_TRUE(region.PushDeath(0, 1, 100) && region.PushDeath(1, 2, 110) &&
              region.PushDeath(0, 3, 120));
  region.Published(0, 1000);
  region.Published(1, 1000);
  EXPECT_THAT(Read(reader, At(1000)), ElementsAre(1, 2, 3));
  EXPECT_THAT(Read(reader, At(1000)), ElementsAre(1, 2, 3));
  reader.Release(2);
  EXPECT_EQ(reader.tail(0), 1U);
  EXPECT_EQ(reader.tail(1), 1U);
  EXPECT_THAT(Read(reader, At(1000)), ElementsAre(3));
}

TEST(TransitionReader, FaultsARingThatCannotBe) {
  InventedRegion region({.workers = 2});
  TransitionReader reader(region.view());
  region.view().dataplane().transition_heads[1].value.store(65);
  const auto told = reader.Read(At(0), kAll);
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error(), HasSubstr("worker 1"));
}

TEST(TransitionReader, KnowsTheLastReleasedWhileItIsInTheRing) {
  InventedRegion region({.transitions = 4});
  TransitionReader reader(region.view());
  EXPECT_FALSE(reader.LastReleased(0));
  ASSERT_TRUE(region.PushDeath(0, 7, 1));
  EXPECT_THAT(Read(reader, At(1)), ElementsAre(7));
  reader.Release(1);
  ASSERT_TRUE(reader.LastReleased(0));
  EXPECT_EQ(reader.LastReleased(0)->id, 7U);
  for (EndpointId id = 8; id < 12; ++id) {
    ASSERT_TRUE(region.PushDeath(0, id, 2));
  }
  EXPECT_FALSE(reader.LastReleased(0)) << "its place may be written over";
}

// Random workers, publishing at random: what comes out is sorted, complete, and each ring's own
// order is kept; for as long as no worker lags more than the patience.
TEST(TransitionReader, SortsWhatRandomWorkersTell) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random(seed);
  for (int round = 0; round < 50; ++round) {
    const unsigned workers = random() % 8 + 1;
    InventedRegion region({.workers = workers});
    TransitionReader reader(region.view());
    std::vector<std::int64_t> heard;
    std::size_t pushed = 0;
    for (std::int64_t now = 1; now < 500; ++now) {
      const unsigned worker = random() % workers;
      const bool told_now = random() % 2 == 0 && region.PushDeath(worker, ++pushed, now);
      if (told_now || random() % 4 == 0) {
        region.Published(worker, now);
      }
      const auto told = reader.Read(At(now), random() % 10);
      ASSERT_TRUE(told);
      for (const Told& one : *told) {
        heard.push_back(one.transition.at.time_since_epoch().count());
      }
      reader.Release(told->size());
    }
    const auto rest = reader.Read(At(100'000'000), 100'000);
    ASSERT_TRUE(rest);
    for (const Told& one : *rest) {
      heard.push_back(one.transition.at.time_since_epoch().count());
    }
    EXPECT_TRUE(std::ranges::is_sorted(heard));
    EXPECT_LE(heard.size(), pushed);
    EXPECT_FALSE(heard.empty());
  }
}

}  // namespace
}  // namespace flatline
