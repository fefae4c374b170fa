#include "bench/generator/traffic.h"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

namespace flatline::generator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// An outlet that keeps what it took, and takes as much as the test lets it.
class FakeSender : public Sender {
 public:
  struct Message {
    Elapsed at;
    Heartbeat heartbeat;
  };

  FakeSender() : memory_(kBatch * kRoomSize) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      rooms_[i] = memory_.data() + i * kRoomSize;
    }
  }

  [[nodiscard]] std::span<std::byte* const> Claim(std::size_t count) noexcept override {
    return std::span<std::byte* const>(rooms_).first(count);
  }

  [[nodiscard]] std::size_t Send(std::size_t count,
                                 std::uint32_t length,
                                 Elapsed now) noexcept override {
    const std::size_t accepted = std::min(count, room);
    for (std::size_t i = 0; i < accepted; ++i) {
      sent.push_back({now, DecodeHeartbeat({rooms_[i], length}).value()});
    }
    return accepted;
  }

  [[nodiscard]] std::span<const std::span<const std::byte>> Receive() noexcept override {
    replies_ = std::move(answers);
    answers.clear();
    views_.assign(replies_.begin(), replies_.end());
    return views_;
  }

  std::size_t room = kBatch;  // taken at each call
  std::vector<Message> sent;
  std::vector<std::vector<std::byte>> answers;

 private:
  std::vector<std::byte> memory_;
  std::array<std::byte*, kBatch> rooms_{};
  std::vector<std::vector<std::byte>> replies_;
  std::vector<std::span<const std::byte>> views_;
};

struct World {
  explicit World(Scenario with, TrafficOptions options = {})
      : scenario(std::move(with)),
        fleet(MakeFleet(scenario)),
        truth(fleet),
        traffic(fleet, scenario, options) {}

  void RunUntil(Elapsed until) {
    for (; now < until; now += kTick) {
      while (traffic.Step(now, sender, truth)) {
      }
      traffic.Settle(now, truth);
    }
  }

  // When each heartbeat of an endpoint was sent.
  [[nodiscard]] std::vector<FakeSender::Message> Of(Index index) const {
    std::vector<FakeSender::Message> out;
    std::ranges::copy_if(sender.sent, std::back_inserter(out), [&](const auto& message) {
      return message.heartbeat.id == fleet.IdOf(index);
    });
    return out;
  }

  Scenario scenario;
  Fleet fleet;
  Truth truth;
  Traffic traffic;
  FakeSender sender;
  Elapsed now{};
};

Scenario MakeScenario(Index endpoints) {
  Scenario out;
  out.cohorts = {CohortOfProfile("database").value()};
  out.cohorts[0].endpoints = endpoints;
  out.run_for = seconds(60);
  return out;
}

Event MakeEvent(EventKind kind, std::uint64_t index, Elapsed at, Elapsed lasting) {
  Event event;
  event.kind = kind;
  event.who.by = Selector::By::kRange;
  event.who.ranges = {{index, index}};
  event.at = at;
  event.lasting = lasting;
  return event;
}

TEST(Traffic, EveryoneBeatsAndTheTruthKnowsWhen) {
  World world(MakeScenario(500));
  world.RunUntil(seconds(10));
  for (Index index = 0; index < 500; ++index) {
    const auto sent = world.Of(index);
    ASSERT_GE(sent.size(), 9U);
    for (std::size_t i = 0; i < sent.size(); ++i) {
      EXPECT_EQ(sent[i].heartbeat.sequence, i + 1);
    }
    const Life life = world.truth.Of(index);
    EXPECT_LE(life.left_at(), sent.back().at);
    EXPECT_GT(life.left_at(), sent.back().at - 2 * kTruthUnit);
  }
  std::vector<Gap> gaps;
  world.truth.TakeGaps(gaps);
  EXPECT_TRUE(gaps.empty());
}

TEST(Traffic, TheDeadAreSilentAndTheirSilenceHasItsReason) {
  Scenario scenario = MakeScenario(10);
  scenario.events = {MakeEvent(EventKind::kDie, 3, seconds(5), {})};
  World world(scenario);
  world.RunUntil(seconds(20));
  EXPECT_LE(world.Of(3).back().at, seconds(5));
  EXPECT_GE(world.Of(4).back().at, seconds(18));
  EXPECT_TRUE(world.truth.Of(3).Is(kMuted));
  EXPECT_FALSE(world.truth.Of(4).Is(kMuted));
}

TEST(Traffic, AFlapComesBackAsItWasAndARestartHigher) {
  Scenario scenario = MakeScenario(10);
  scenario.events = {MakeEvent(EventKind::kFlap, 1, seconds(5), seconds(6)),
                     MakeEvent(EventKind::kRestart, 2, seconds(5), seconds(6)),
                     MakeEvent(EventKind::kRestart, 3, seconds(5), {})};
  World world(scenario, {.incarnation = 40});
  world.RunUntil(seconds(20));
  EXPECT_EQ(world.Of(1).back().heartbeat.incarnation, 40U);
  EXPECT_EQ(world.Of(2).back().heartbeat.incarnation, 41U);
  EXPECT_EQ(world.Of(3).back().heartbeat.incarnation, 41U);
  EXPECT_EQ(world.Of(3).front().heartbeat.incarnation, 40U);
  std::vector<Gap> gaps;
  world.truth.TakeGaps(gaps);
  ASSERT_EQ(gaps.size(), 2U) << "a restart without a silence leaves none";
  for (const Gap& gap : gaps) {
    EXPECT_NE(gap.flags & kDied, 0);
    EXPECT_GE(gap.end() - gap.begin(), seconds(6));
    EXPECT_LE(gap.end() - gap.begin(), seconds(9));
  }
}

TEST(Traffic, ALeaverSaysSoOnceAndFallsSilent) {
  Scenario scenario = MakeScenario(10);
  scenario.events = {MakeEvent(EventKind::kLeave, 1, seconds(5), {}),
                     MakeEvent(EventKind::kLeave, 2, seconds(5), seconds(5))};
  World world(scenario, {.incarnation = 40});
  world.RunUntil(seconds(20));
  const auto is_leave = [](const auto& message) {
    return message.heartbeat.kind == HeartbeatKind::kLeave;
  };
  EXPECT_EQ(std::ranges::count_if(world.Of(1), is_leave), 1);
  EXPECT_TRUE(is_leave(world.Of(1).back()));
  EXPECT_TRUE(world.truth.Of(1).Is(kGone));
  EXPECT_EQ(world.Of(2).back().heartbeat.incarnation, 41U);
  EXPECT_FALSE(world.truth.Of(2).Is(kGone));
  EXPECT_EQ(world.traffic.counts().leaves, 2U);
}

TEST(Traffic, ALostLeaveIsADeath) {
  Scenario scenario = MakeScenario(10);
  scenario.events = {MakeEvent(EventKind::kLeave, 1, seconds(5), {})};
  Loss loss;
  loss.model = LossModel::kCut;
  loss.from = seconds(5);
  loss.until = seconds(7);
  scenario.losses = {loss};
  World world(scenario);
  world.RunUntil(seconds(12));
  EXPECT_TRUE(world.truth.Of(1).Is(kMuted));
  EXPECT_FALSE(world.truth.Of(1).Is(kGone));
  EXPECT_EQ(world.traffic.counts().leaves, 0U);
}

TEST(Traffic, WhatTheNetworkAteDidNotLeave) {
  Scenario scenario = MakeScenario(100);
  Loss loss;
  loss.model = LossModel::kCut;
  loss.from = seconds(5);
  loss.until = seconds(10);
  scenario.losses = {loss};
  World world(scenario);
  world.RunUntil(seconds(15));
  EXPECT_NEAR(static_cast<double>(world.traffic.counts().lost), 500, 20);
  std::vector<Gap> gaps;
  world.truth.TakeGaps(gaps);
  EXPECT_EQ(gaps.size(), 100U);
  for (const Gap& gap : gaps) {
    EXPECT_NE(gap.flags & kLost, 0);
    EXPECT_EQ(gap.flags & kDied, 0);
    EXPECT_EQ(world.truth.Of(gap.index).flags, 0);
  }
}

TEST(Traffic, WhatIsHeldUpLeavesLaterAndInOrder) {
  Scenario scenario = MakeScenario(100);
  Delay step;
  step.by = seconds(4);  // longer than the timeout of 3 s
  step.from = seconds(5);
  step.until = seconds(10);
  scenario.delays = {step};
  World world(scenario);
  world.RunUntil(milliseconds(8'900));
  EXPECT_LE(world.Of(7).back().at, seconds(5) + kTick);
  world.RunUntil(seconds(20));
  const auto sent = world.Of(7);
  ASSERT_GE(sent.size(), 19U) << "nothing is lost";
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(sent[i].heartbeat.sequence, i + 1);
    const Elapsed held_up =
        sent[i].at - Elapsed{static_cast<std::int64_t>(sent[i].heartbeat.sent_ns)};
    EXPECT_LE(held_up, seconds(4)) << "the sender's clock says when it was sent";
  }
  std::vector<Gap> gaps;
  world.truth.TakeGaps(gaps);
  ASSERT_EQ(gaps.size(), 100U);
  for (const Gap& gap : gaps) {
    EXPECT_NE(gap.flags & kLost, 0);
    EXPECT_EQ(gap.flags & kDied, 0);
  }
}

TEST(Traffic, WhatIsHeldUpOverARestartIsOfNoLifeAnyMore) {
  Scenario scenario = MakeScenario(10);
  scenario.events = {MakeEvent(EventKind::kRestart, 1, seconds(6), milliseconds(500))};
  Delay step;
  step.by = seconds(2);
  step.from = seconds(5);
  step.until = milliseconds(5'900);
  scenario.delays = {step};
  World world(scenario, {.incarnation = 40});
  world.RunUntil(seconds(15));
  std::uint32_t last = 0;
  for (const auto& message : world.Of(1)) {
    EXPECT_GE(message.heartbeat.incarnation, last);
    last = message.heartbeat.incarnation;
  }
  EXPECT_EQ(last, 41U);
}

TEST(Traffic, APortThatTakesNothingIsNotFloodedAfterwards) {
  World world(MakeScenario(1000));
  world.RunUntil(seconds(5));
  world.sender.room = 0;
  world.RunUntil(seconds(15));
  world.sender.room = kBatch;
  const std::size_t before = world.sender.sent.size();
  world.RunUntil(seconds(15) + 2 * kTick);
  // The patience's worth, not ten seconds' worth.
  EXPECT_LE(world.sender.sent.size() - before, 110U);
  EXPECT_NEAR(static_cast<double>(world.traffic.counts().refused), 9900, 30);
  world.RunUntil(seconds(20));
  std::vector<Gap> gaps;
  world.truth.TakeGaps(gaps);
  EXPECT_EQ(gaps.size(), 1000U);
  EXPECT_TRUE(std::ranges::all_of(gaps, [](const Gap& g) { return (g.flags & kRefused) != 0; }));
}

TEST(Traffic, APartlyFullPortGetsEverythingInOrder) {
  World world(MakeScenario(500));
  world.sender.room = 3;
  world.RunUntil(seconds(5));
  std::map<EndpointId, std::uint32_t> last;
  for (const auto& message : world.sender.sent) {
    EXPECT_EQ(message.heartbeat.sequence, last[message.heartbeat.id] + 1);
    last[message.heartbeat.id] = message.heartbeat.sequence;
  }
  EXPECT_EQ(world.traffic.counts().refused, 0U);
}

TEST(Traffic, HandlesAreAskedForLearntAndSent) {
  World world(MakeScenario(10), {.wants_handles = true});
  world.RunUntil(milliseconds(1000));
  ASSERT_FALSE(world.sender.sent.empty());
  for (const auto& message : world.sender.sent) {
    EXPECT_TRUE(message.heartbeat.wants_acknowledgement);
    Heartbeat answer = message.heartbeat;
    answer.kind = HeartbeatKind::kAcknowledgement;
    answer.handle = static_cast<Slot>(message.heartbeat.id & 0xFFFF);
    answer.payload_length = 0;
    std::vector<std::byte> datagram(kHeartbeatSize);
    EncodeHeartbeat(answer, std::span<std::byte, kHeartbeatSize>(datagram.data(), kHeartbeatSize));
    world.sender.answers.push_back(datagram);
  }
  world.sender.answers.emplace_back(3);  // a runt is passed over
  world.sender.sent.clear();
  world.RunUntil(milliseconds(3000));
  ASSERT_GE(world.sender.sent.size(), 10U);
  for (const auto& message : world.sender.sent) {
    EXPECT_EQ(message.heartbeat.handle, message.heartbeat.id & 0xFFFF);
    EXPECT_FALSE(message.heartbeat.wants_acknowledgement);
  }
}

TEST(Traffic, KeepsItsRateLimit) {
  World world(MakeScenario(10'000), {.rate_limit = 2000});
  world.RunUntil(seconds(5));
  EXPECT_NEAR(static_cast<double>(world.sender.sent.size()), 10'000, 200);
}

}  // namespace
}  // namespace flatline::generator
