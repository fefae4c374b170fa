// The leader over a region in plain memory: whose word moves the horizon, and what it publishes.
#include "dataplane/leader.h"

#include "tests/dataplane/plain_region.h"

#include <flatline/time.h>

#include <atomic>
#include <cstdint>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Instant At(std::int64_t ms) {
  return Instant{Milliseconds(ms)};
}

class LeaderTest : public testing::Test {
 protected:
  explicit LeaderTest(const Config& config = SmallConfig(100, 2)) : region_(config) {}

  // As a worker does at the end of a turn.
  void Drained(unsigned worker, std::int64_t ms) {
    WorkerProgress& progress = region_.view().dataplane().progress[worker];
    progress.turn_ns.store(Milliseconds(ms).count());
    progress.drained_ns.store(Milliseconds(ms).count());
  }

  [[nodiscard]] std::int64_t HorizonMs() const {
    return region_.view().header().horizon_ns.load() / 1'000'000;
  }

  PlainRegion region_;
  BlindReports first_{kBlindReports};
  BlindReports second_{kBlindReports};
  PortWatch ports_;
  std::atomic<std::int64_t> blind_until_ns_{0};
  Tally tally_;
  TransitionProducer ring_{region_.view().dataplane().transition_heads[0],
                           region_.view().control().transition_tails[0],
                           region_.view().transitions(0)};
  Leader leader_{region_.view(),
                 {.reports = {&first_, &second_},
                  .ports = &ports_,
                  .ring = &ring_,
                  .blind_until_ns = &blind_until_ns_},
                 HearingClock{At(1000), Duration{0}, Milliseconds(100)}};
};

TEST_F(LeaderTest, PublishesTheHorizonOfTheSlowestWorker) {
  EXPECT_EQ(HorizonMs(), 1000);
  Drained(0, 1050);
  Drained(1, 1020);
  leader_.Turn(At(1050), tally_);
  EXPECT_EQ(HorizonMs(), 1020);
  EXPECT_EQ(region_.view().header().blind_total_ns.load(), 0);
}

TEST_F(LeaderTest, TakesTheReportsOfEveryWorker) {
  ASSERT_TRUE(second_.TryPush({At(1000), At(1030), Reason::kWorkerStalled, kAllPorts}));
  ASSERT_TRUE(first_.TryPush({At(1010), At(1040), Reason::kWorkerStalled, kAllPorts}));
  Drained(0, 1050);
  Drained(1, 1050);
  leader_.Turn(At(1050), tally_);
  EXPECT_EQ(HorizonMs(), 1010);
  EXPECT_EQ(blind_until_ns_.load(), Milliseconds(1040).count());
  EXPECT_EQ(region_.view().header().blind_total_ns.load(), Milliseconds(40).count());
  EXPECT_EQ(tally_.values[static_cast<std::size_t>(Counter::kBlindNs)], 40'000'000U);
}

TEST_F(LeaderTest, SaysSinceWhenAPortIsDeafAndStopsTheClockThere) {
  ports_.LinkDown(1, At(1010));
  Drained(0, 1050);
  Drained(1, 1050);
  leader_.Turn(At(1050), tally_);
  EXPECT_EQ(region_.view().header().deaf_since_ns.load(), Milliseconds(1010).count());
  EXPECT_EQ(HorizonMs(), 1010);
  const TransitionConsumer control(region_.view().dataplane().transition_heads[0],
                                   region_.view().control().transition_tails[0],
                                   region_.view().transitions(0));
  ASSERT_EQ(control.head(), 1U) << "told at once";
  EXPECT_EQ(control.At(0).kind, TransitionKind::kBlind);
  EXPECT_EQ(control.At(0).port, 1);
  ports_.LinkUp(1, At(1060));
  Drained(0, 1070);
  Drained(1, 1070);
  leader_.Turn(At(1070), tally_);
  EXPECT_EQ(region_.view().header().deaf_since_ns.load(), 0);
  EXPECT_EQ(HorizonMs(), 1020);
}

class GuardedLeaderTest : public LeaderTest {
 protected:
  GuardedLeaderTest() : LeaderTest(Guarded()) {}

  static Config Guarded() {
    Config config = SmallConfig(100, 2);
    config.guard.fleet_share_ppm = 500'000;
    config.guard.least_endpoints = 50;
    return config;
  }
};

TEST_F(GuardedLeaderTest, KeepsTheWordOfTheGuardForWhichTheRingHasNoRoom) {
  std::uint64_t filled = 0;
  while (ring_.TryPush({})) {
    ++filled;
  }
  region_.view().dataplane().progress[1].watched.store(100);
  region_.view().dataplane().progress[1].suspect.store(60);
  Drained(0, 1050);
  Drained(1, 1050);
  leader_.Turn(At(1050), tally_);
  EXPECT_EQ(tally_.values[static_cast<std::size_t>(Counter::kGuardHolds)], 1U) << "and holds";
  EXPECT_EQ(tally_.values[static_cast<std::size_t>(Counter::kRingFull)], 1U);
  region_.view().control().transition_tails[0].value.store(filled);
  leader_.Turn(At(1051), tally_);
  ASSERT_EQ(ring_.pushed(), filled + 1);
  const TransitionConsumer control(region_.view().dataplane().transition_heads[0],
                                   region_.view().control().transition_tails[0],
                                   region_.view().transitions(0));
  EXPECT_EQ(control.At(filled).kind, TransitionKind::kGroup);
  EXPECT_EQ(control.At(filled).incarnation, 60U) << "so many are silent";
}

TEST_F(LeaderTest, KeepsAnAnnouncementForWhichTheRingHasNoRoom) {
  std::uint64_t filled = 0;
  while (ring_.TryPush({})) {
    ++filled;
  }
  ports_.LinkDown(0, At(1010));
  Drained(0, 1050);
  Drained(1, 1050);
  leader_.Turn(At(1050), tally_);
  EXPECT_EQ(tally_.values[static_cast<std::size_t>(Counter::kRingFull)], 1U);
  EXPECT_EQ(ring_.pushed(), filled);
  region_.view().control().transition_tails[0].value.store(filled);
  leader_.Turn(At(1051), tally_);
  EXPECT_EQ(ring_.pushed(), filled + 1);
}

}  // namespace
}  // namespace flatline
