// Invented endpoints over invented paths: what is found is what the path did. The seed is printed.
#include "control/contracts/path_sample.h"

#include "tests/control/invented_region.h"

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr ProfileId kProfile = 20;
constexpr Duration kInterval = Milliseconds(500);
constexpr Duration kDetection = Milliseconds(3'000);

// Endpoints that beat, and a way that loses and delays.
class PathSampleTest : public testing::Test {
 protected:
  PathSampleTest() { RecordProperty("seed", std::to_string(seed_)); }

  struct Sender {
    Duration interval = kInterval;
    double jitter_ns = 0;
    std::int64_t beats = 0;  // sent
  };

  void Enrol(Slot slot, const Sender& sender) {
    EndpointRecord& record = region_.view().records()[slot];
    record.state.store(EndpointState{Liveness::kAlive, Health::kReady, kProfile}.Pack());
    record.incarnation.store(7);
    record.id.store(100 + slot);
    if (slot >= senders_.size()) {
      senders_.resize(slot + 1);
    }
    senders_[slot] = sender;
    Hear(slot, now_.time_since_epoch());
  }

  void Hear(Slot slot, Duration at) {
    region_.view().records()[slot].heard.store(
        Heard{.stamp = StampOf(HearingInstant{at}),
              .sequence = static_cast<std::uint32_t>(senders_[slot].beats)}
            .Pack());
  }

  // Lets time pass, a step at a time: who is due sends, and is heard unless `is_lost` says so.
  template <typename IsLost>
  void Live(PathSample& sample, Duration during, const IsLost& is_lost) {
    std::normal_distribution<double> late;
    for (const Instant end = now_ + during; now_ < end; now_ += kInterval / 16) {
      for (Slot slot = 0; slot < senders_.size(); ++slot) {
        Sender& sender = senders_[slot];
        if (now_ < begin_ + sender.interval * (sender.beats + 1)) {
          continue;
        }
        ++sender.beats;
        if (!is_lost()) {
          const double delay = sender.jitter_ns * late(random_);
          Hear(slot,
               (begin_ + sender.interval * sender.beats).time_since_epoch() +
                   Duration{std::llround(delay)});
        }
      }
      sample.Look(region_.view(), now_);
    }
  }

  static Contract Promised(Duration recurrence) {
    return {.promise = {.detection = kDetection, .recurrence = recurrence, .mistake = kDetection},
            .path = {}};
  }

  const std::uint32_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
  InventedRegion region_{{.slots_per_worker = 4 * kBlockSlots}};
  const Instant begin_{Duration{1'000'000'000'000}};
  Instant now_ = begin_;
  std::vector<Sender> senders_;
};

constexpr auto kNothingIsLost = [] { return false; };

TEST_F(PathSampleTest, LossAndJitterAreWhatThePathDoes) {
  constexpr double kLoss = 0.05;
  constexpr double kJitter = 20e6;
  std::vector<Slot> slots;
  for (Slot slot = 0; slot < 200; ++slot) {
    Enrol(slot, {.jitter_ns = kJitter});
    slots.push_back(slot);
  }
  PathSample sample(kProfile, kInterval, kDetection);
  sample.Follow(slots);
  std::bernoulli_distribution is_lost(kLoss);
  Live(sample, 100 * kInterval, [&] { return is_lost(random_); });
  const LossCounts losses = sample.TakeLosses();
  EXPECT_NEAR(losses.sent, 200 * 99, 400) << "seed " << seed_;
  EXPECT_NEAR(losses.loss(), kLoss, 0.01) << "seed " << seed_;
  EXPECT_NEAR(losses.loss_behind_loss(), kLoss, 0.04) << "independent; seed " << seed_;
  EXPECT_LT(losses.least_loss(), kLoss);
  EXPECT_GT(losses.most_loss(), kLoss - 0.005);
  const BeatFindings found =
      sample.Findings(Promised(Duration{1}), losses.loss(), PathSample::Doubt::kNone);
  EXPECT_EQ(found.endpoints, 200U);
  EXPECT_EQ(found.keep, 200U) << "whoever promises nothing keeps it";
  EXPECT_NEAR(static_cast<double>(found.jitter.count()), kJitter, kJitter / 10) << "seed " << seed_;
  EXPECT_GT(found.worst_jitter, found.jitter);
  EXPECT_NEAR(
      static_cast<double>(found.interval.count()), static_cast<double>(kInterval.count()), 0.5e6);
  EXPECT_EQ(sample.TakeLosses().sent, 0);
}

TEST_F(PathSampleTest, BurstsShowInWhatFollowsALoss) {
  Enrol(0, {});
  PathSample sample(kProfile, kInterval, kDetection);
  sample.Follow({0});
  int beat = 0;
  Live(sample, 401 * kInterval, [&] { return beat++ % 20 < 3; });  // three in a row of twenty
  const LossCounts losses = sample.TakeLosses();
  EXPECT_NEAR(losses.loss(), 0.15, 0.01);
  EXPECT_NEAR(losses.loss_behind_loss(), 2.0 / 3, 0.03);
}

TEST_F(PathSampleTest, SendersThatKeepAnotherIntervalShow) {
  Enrol(0, {.interval = Milliseconds(600)});
  PathSample sample(kProfile, kInterval, kDetection);
  sample.Follow({0});
  Live(sample, Milliseconds(60'000), kNothingIsLost);
  const BeatFindings found = sample.Findings(Promised(Duration{1}), 0, PathSample::Doubt::kNone);
  EXPECT_NEAR(static_cast<double>(found.interval.count()), 600e6, 0.1e6);
  EXPECT_EQ(sample.TakeLosses().lost, 0);
  EXPECT_LT(found.jitter, Milliseconds(1)) << "a beat of its own is no jitter";
}

TEST_F(PathSampleTest, WhoIsAwayOrBeginsAnewLosesNothing) {
  Enrol(0, {});
  PathSample sample(kProfile, kInterval, kDetection);
  sample.Follow({0});
  Live(sample, 20 * kInterval, kNothingIsLost);
  Live(sample, 40 * kInterval, [] { return true; });  // dead meanwhile
  Live(sample, 20 * kInterval, kNothingIsLost);
  EXPECT_EQ(sample.TakeLosses().lost, 0);
  senders_[0].beats += 1'000;  // another life
  region_.view().records()[0].incarnation.store(8);
  Hear(0, now_.time_since_epoch());
  senders_[0].beats -= 1'000;
  sample.Look(region_.view(), now_);
  EXPECT_EQ(sample.TakeLosses().lost, 0);
  region_.view().records()[0].id.store(9);  // another endpoint
  senders_[0].beats += 50;
  Hear(0, now_.time_since_epoch());
  sample.Look(region_.view(), now_);
  EXPECT_EQ(sample.TakeLosses().sent, 0);
}

TEST_F(PathSampleTest, PausesOfOursAreNobodysLoss) {
  Enrol(0, {});
  PathSample sample(kProfile, kInterval, kDetection);
  sample.Follow({0});
  Live(sample, 20 * kInterval, kNothingIsLost);
  static_cast<void>(sample.TakeLosses());
  senders_[0].beats += 3;
  now_ += 3 * kInterval;
  Hear(0, now_.time_since_epoch());
  sample.Look(region_.view(), now_);
  EXPECT_EQ(sample.TakeLosses().sent, 0) << "nobody looked for so long";
  Live(sample, 20 * kInterval, kNothingIsLost);
  region_.view().header().blind_total_ns.fetch_add(1'000'000'000);
  senders_[0].beats += 2;
  now_ += kInterval / 16;
  Hear(0, now_.time_since_epoch());
  static_cast<void>(sample.TakeLosses());
  sample.Look(region_.view(), now_);
  EXPECT_EQ(sample.TakeLosses().sent, 0) << "nobody heard for so long";
}

TEST_F(PathSampleTest, BlindnessThatComesAgainAndAgainTakesOnlyWhatCameInIt) {
  constexpr double kJitter = 20e6;
  std::vector<Slot> slots;
  for (Slot slot = 0; slot < 100; ++slot) {
    Enrol(slot, {.interval = Milliseconds(510), .jitter_ns = kJitter});
    slots.push_back(slot);
  }
  PathSample sample(kProfile, kInterval, kDetection);
  sample.Follow(slots);
  constexpr int kBeatsBetween = 6;  // fewer than one is spoken of for
  static_assert(kBeatsBetween < PathSample::kLeastHeard);
  for (int blindness = 0; blindness < 30; ++blindness) {
    Live(sample, kBeatsBetween * kInterval, kNothingIsLost);
    region_.view().header().blind_total_ns.fetch_add(300'000'000);
    now_ += Milliseconds(300);
    for (const Slot slot : slots) {  // all of them are heard as hearing comes back, too late
      senders_[slot].beats = (now_ - begin_) / senders_[slot].interval;
      Hear(slot, now_.time_since_epoch());
    }
    sample.Look(region_.view(), now_);
  }
  const BeatFindings found = sample.Findings(Promised(Duration{1}), 0, PathSample::Doubt::kNone);
  EXPECT_EQ(found.endpoints, 100U);
  EXPECT_NEAR(static_cast<double>(found.jitter.count()), kJitter, kJitter / 10) << "seed " << seed_;
  EXPECT_NEAR(static_cast<double>(found.interval.count()), 510e6, 1e6) << "seed " << seed_;
  EXPECT_EQ(sample.TakeLosses().lost, 0);
}

TEST_F(PathSampleTest, TheDoubtIsTheirs) {
  for (Slot slot = 0; slot < 20; ++slot) {
    Enrol(slot, {.jitter_ns = 50e6});
  }
  PathSample sample(kProfile, kInterval, kDetection);
  std::vector<Slot> slots(20);
  for (Slot slot = 0; slot < 20; ++slot) {
    slots[slot] = slot;
  }
  sample.Follow(slots);
  Live(sample, 65 * kInterval, kNothingIsLost);
  // As much as a path of this jitter can promise: half are measured to be worse by chance.
  Contract contract = Promised(Duration{});
  contract.promise.recurrence = Duration{static_cast<std::int64_t>(3600e9) * 24 * 365 * 100};
  const BeatFindings none = sample.Findings(Promised(Duration{1}), 0, PathSample::Doubt::kNone);
  ASSERT_EQ(none.keep, 20U);
  const BeatFindings hard = sample.Findings(contract, 0.2, PathSample::Doubt::kNone);
  EXPECT_EQ(hard.keep, 0U) << "too much is lost, whatever the jitter";
  EXPECT_LE(hard.keep, sample.Findings(contract, 0.2, PathSample::Doubt::kForThem).keep);
  sample.ForgetBeats();
  EXPECT_EQ(sample.Findings(contract, 0, PathSample::Doubt::kNone).endpoints, 0U);
}

TEST(LossCounts, NothingSentIsNothingKnown) {
  const LossCounts none;
  EXPECT_EQ(none.loss(), 0);
  EXPECT_EQ(none.loss_behind_loss(), 0);
  EXPECT_EQ(none.least_loss(), 0);
  EXPECT_GT(none.most_loss(), 0.9);
  LossCounts some{.sent = 3'000, .lost = 0};
  EXPECT_NEAR(some.most_loss(), 0.001, 1e-9) << "the rule of three";
  some.Fade(0.5);
  some += {.sent = 500, .lost = 20, .behind_a_lost_one = 20, .lost_behind_a_lost_one = 10};
  EXPECT_EQ(some.loss(), 0.01);
  EXPECT_EQ(some.loss_behind_loss(), 0.5);
}

}  // namespace
}  // namespace flatline
